"""Whether forecasts have the weather that they are meant to have."""

from datetime import datetime, timedelta

import numpy as np

from vpp.control.inputs import Alarm
from vpp.domain.weather import STALE_S, WeatherRecord

PATIENCE = timedelta(minutes=15)
"""With a source that has said nothing yet, from the first plan on."""


class WeatherWatch:
    """``observe`` with every plan."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._alarm: Alarm | None = None

    def observe(self, weather: WeatherRecord | None, at: datetime) -> None:
        self._since = self._since or at
        self._alarm = None
        if weather is None or weather.age_s <= STALE_S:
            return
        if np.isfinite(weather.age_s):
            came = at - timedelta(seconds=weather.age_s)
            what = (
                f"the newest weather forecast is {weather.age_s / 3600.0:.0f} h old"
                f" ({came:%Y-%m-%d %H:%M} UTC)"
            )
        elif at - self._since >= PATIENCE:
            what = "no weather forecast has come in the last days"
        else:
            return
        text = f"{what}: load and sun are foreseen without it until one comes"
        self._alarm = Alarm(code="WEATHER_LOST", subject="weather", text=text)

    def alarms(self) -> tuple[Alarm, ...]:
        return () if self._alarm is None else (self._alarm,)
