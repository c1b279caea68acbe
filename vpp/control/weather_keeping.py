"""Weather forecasts put on record as they came, and read back as they stood.

Of every hour it is kept what was known of it so many hours before it began: each new forecast
replaces what is still that far away. Forecasters thus learn from what they would have been told.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.errors import WeatherUnavailable
from vpp.domain.history import Mean
from vpp.domain.points import Quantity
from vpp.domain.weather import (
    HOUR_S,
    LEADS_H,
    WEATHER,
    WeatherForecast,
    WeatherRecord,
    full_hour,
)
from vpp.ports.clock import Clock
from vpp.ports.store import History
from vpp.ports.weather import WeatherSource

LOOK_EVERY_S = 300.0
"""City seconds between two looks whether there is a newer forecast."""
AHEAD = timedelta(hours=48)
"""As far as forecasts of load and sun look, and the furthest lead."""
ISSUED_WITHIN = timedelta(days=4)
"""How far back it is looked for when the newest forecast came."""
SUBJECT = "weather"


class WeatherKeeping:
    """Asks the source now and then, and keeps what is new."""

    def __init__(self, source: WeatherSource, history: History, city: Clock) -> None:
        self._source, self._history, self._city = source, history, city
        self._kept: datetime | None = None

    async def pause(self) -> None:
        """Until the next look."""
        await self._city.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Keep the newest forecast, if that is news; a loss is the source's to tell.

        Raises:
            StoreUnavailable: not kept; the next look tries again.
        """
        try:
            newest = await self._source.newest()
        except WeatherUnavailable:
            return
        if newest.issued_at != self._kept:
            await self._history.append(list(means(newest)))
            self._kept = newest.issued_at


def means(forecast: WeatherForecast) -> Iterator[Mean]:
    """What goes on record of a forecast."""
    issued_s, start_s = forecast.issued_at.timestamp(), forecast.start.timestamp()
    for lead_h in LEADS_H:
        first = int(np.ceil((issued_s - start_s) / HOUR_S + lead_h - 1e-9))
        for quantity in WEATHER:
            column = forecast.values[quantity]
            for hour in range(max(first, 0), forecast.hours):
                if np.isfinite(column[hour]):
                    start = forecast.start + timedelta(hours=hour)
                    yield _mean(lead_subject(lead_h), quantity, start, float(column[hour]))
    yield _mean(SUBJECT, Quantity.ISSUED_S, full_hour(forecast.issued_at), issued_s)


async def recorded_weather(history: History, start: datetime, until: datetime) -> WeatherRecord:
    """What was known of the hours from ``start`` on, and is known at ``until`` of what comes."""
    begin, end = full_hour(start), full_hour(until) + AHEAD
    coming = begin.timestamp() + HOUR_S * np.arange((end - begin) // timedelta(hours=1))
    has_not_begun = coming >= until.timestamp()
    values: dict[Quantity, Floats] = {}
    for quantity in WEATHER:
        rows = [
            await history.read(lead_subject(lead_h), quantity, begin, end, HOUR_S)
            for lead_h in LEADS_H
        ]
        values[quantity] = np.array([np.where(has_not_begun, rows[0], row) for row in rows])
    hours = await history.read(
        SUBJECT, Quantity.ISSUED_S, full_hour(until) - ISSUED_WITHIN, end, HOUR_S
    )
    issued_s = hours[np.isfinite(hours) & (hours <= until.timestamp() + HOUR_S)]
    newest_s = float(issued_s.max(initial=-np.inf))
    return WeatherRecord(
        start=begin,
        leads_h=LEADS_H,
        values=values,
        age_s=max(until.timestamp() - newest_s, 0.0),
    )


def lead_subject(lead_h: int) -> str:
    """Under which it is on record what was known so many hours before."""
    return f"{SUBJECT} {lead_h} h ahead"


def _mean(subject: str, quantity: Quantity, start: datetime, value: float) -> Mean:
    return Mean(
        subject=subject, quantity=quantity, start=start, step_s=HOUR_S, value=value, coverage=1.0
    )
