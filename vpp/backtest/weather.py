"""Weather forecasts that were recorded beside a community, as they stood before each hour.

``weather_*.csv[.gz]``: timestamp_utc (start of an hour), lead_h, air_c, ghi_w_per_m2, dhi_w_per_m2:
what was known so many hours before the hour began, empty where nothing was. A forecast that was
made 30 hours ahead and never renewed stands in the rows of 24 hours and of every shorter lead.
"""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from vpp.backtest.tables import read_table, wrong
from vpp.domain.arrays import Floats
from vpp.domain.points import Quantity
from vpp.domain.weather import HOUR_S, WEATHER, WeatherRecord, full_hour

COLUMNS = ("timestamp_utc", "lead_h", *WEATHER)


def read_weather(folder: Path) -> WeatherRecord | None:
    """Everything that the folder has; None where it has nothing.

    Raises:
        ConfigurationError: names file, line and column.
    """
    files = sorted([*folder.glob("weather_*.csv"), *folder.glob("weather_*.csv.gz")])
    if not files:
        return None
    tables = [read_table(file, COLUMNS) for file in files]
    times_s = np.concatenate([table.times("timestamp_utc") for table in tables])
    lead_h = np.concatenate([table.numbers("lead_h") for table in tables])
    if not len(times_s):
        return None
    for table in tables:
        for row in np.flatnonzero(table.times("timestamp_utc") % HOUR_S)[:1]:
            raise table.wrong(int(row), "timestamp_utc", "a full hour UTC")
        whole = table.numbers("lead_h")
        for row in np.flatnonzero(~(whole == np.round(whole)))[:1]:
            raise table.wrong(int(row), "lead_h", "a whole number of hours")
    leads = np.unique(lead_h)
    first_s = float(times_s.min())
    hours = round((float(times_s.max()) - first_s) / HOUR_S) + 1
    at = np.searchsorted(leads, lead_h), np.round((times_s - first_s) / HOUR_S).astype(np.int64)
    if len(np.unique(at[0] * hours + at[1])) < len(times_s):
        raise wrong(files[0], None, "timestamp_utc", "an hour stands twice with one lead")
    values: dict[Quantity, Floats] = {}
    for quantity in WEATHER:
        values[quantity] = np.full((len(leads), hours), np.nan)
        signed = quantity is Quantity.AIR_C
        column = np.concatenate([table.numbers(quantity, signed=signed) for table in tables])
        values[quantity][at] = column
    start = datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(seconds=first_s)
    return WeatherRecord(
        start=start, leads_h=tuple(int(lead) for lead in leads), values=values, age_s=0.0
    )


def as_known(
    weather: WeatherRecord, since: datetime, at: datetime, until: datetime
) -> WeatherRecord:
    """What was known at an instant, of the hours from before it to after it."""
    start = full_hour(since)
    hours = int(np.ceil((until - start).total_seconds() / HOUR_S))
    times_s = start.timestamp() + HOUR_S * np.arange(hours, dtype=np.float64)
    coming = times_s >= at.timestamp()
    ahead_h = np.maximum(times_s - at.timestamp(), 0.0) / HOUR_S
    values = {}
    for quantity in WEATHER:
        newest = weather.known(quantity, times_s, ahead_h)
        rows = [
            np.where(
                coming, newest, weather.known(quantity, times_s, np.full(hours, lead, np.float64))
            )
            for lead in weather.leads_h
        ]
        values[quantity] = np.array(rows)
    told = np.isfinite(values[Quantity.GHI_W_PER_M2][0, coming]).any()
    return WeatherRecord(
        start=start, leads_h=weather.leads_h, values=values, age_s=0.0 if told else np.inf
    )
