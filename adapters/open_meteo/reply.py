"""What Open-Meteo answers, checked, as means of the hours from their beginning.

It labels radiation with the end of its hour ("preceding hour mean", W/m2) and temperature with its
instant: the radiation of the hour from t on stands at t + 1 h, and its mean temperature is taken to
be that of both ends.
"""

from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec
import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.errors import WeatherUnavailable
from vpp.domain.points import Quantity
from vpp.domain.weather import HOUR_S, WeatherForecast

USUAL_ADDRESS = "https://api.open-meteo.com/v1/forecast"
DAYS = 4
"""Beginning at midnight UTC of today: at any time two and a half days ahead are told."""
LEAST_HOURS = 12
"""That must lie ahead, told of in full."""
LATEST_S = 4e9
"""Seconds since 1970: the year 2096."""
PLAUSIBLE = {"temperature_2m": (-90.0, 60.0), "shortwave_radiation": (-1.0, 1500.0),
             "diffuse_radiation": (-1.0, 1000.0)}  # fmt: skip
UNITS = {"time": "unixtime", "temperature_2m": "°C", "shortwave_radiation": "W/m²",
         "diffuse_radiation": "W/m²"}  # fmt: skip


class _Hourly(msgspec.Struct):
    time: list[int]
    temperature_2m: list[float | None]
    shortwave_radiation: list[float | None]
    diffuse_radiation: list[float | None]


class _Forecast(msgspec.Struct):
    hourly_units: dict[str, str]
    hourly: _Hourly


class _Refusal(msgspec.Struct):
    reason: str = ""


def forecast_url(address: str, latitude: float, longitude: float) -> str:
    """Where the forecast of a place is; a query that the address has stays."""
    asked = {
        "latitude": f"{latitude:.4f}",
        "longitude": f"{longitude:.4f}",
        "hourly": ",".join(PLAUSIBLE),
        "timeformat": "unixtime",
        "forecast_days": DAYS,
    }
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked, safe=',')}"


def forecast_of(body: bytes, issued_at: datetime) -> WeatherForecast:
    """The forecast that a body is.

    Raises:
        WeatherUnavailable: it is none, or says what cannot be.
    """
    try:
        said = msgspec.json.decode(body, type=_Forecast)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise WeatherUnavailable(f"the answer is not a forecast: {wrong}") from wrong
    units = {name: said.hourly_units.get(name) for name in UNITS}
    if units != UNITS:
        raise WeatherUnavailable(f"the units are {units}, expected {UNITS}")
    times_s = _times(said.hourly.time)
    columns = {name: _column(said.hourly, name, len(times_s)) for name in PLAUSIBLE}
    air_c, ghi, dhi = columns.values()
    made = WeatherForecast(
        issued_at=issued_at,
        start=datetime.fromtimestamp(times_s[0], UTC),
        values={
            Quantity.AIR_C: (air_c[:-1] + air_c[1:]) / 2.0,
            Quantity.GHI_W_PER_M2: np.maximum(ghi[1:], 0.0),
            Quantity.DHI_W_PER_M2: np.maximum(dhi[1:], 0.0),
        },
    )
    ahead = times_s[:-1] >= issued_at.timestamp()
    told = ahead & np.isfinite(np.sum(list(made.values.values()), axis=0))
    if told.sum() < LEAST_HOURS:
        raise WeatherUnavailable(
            f"it tells of {told.sum()} hours after {issued_at:%Y-%m-%d %H:%M} UTC,"
            f" expected {LEAST_HOURS} or more"
        )
    return made


def refusal_of(body: bytes) -> str:
    """Why the server says that it refuses."""
    try:
        return msgspec.json.decode(body, type=_Refusal).reason[:200]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _times(given: list[int]) -> Floats:
    times_s = np.array(given[: 24 * (DAYS + 1)], dtype=np.float64)
    believable = len(times_s) > 1 and 0 <= times_s[0] < LATEST_S and times_s[0] % HOUR_S == 0
    if not believable or (np.diff(times_s) != HOUR_S).any():
        raise WeatherUnavailable("its times are not full hours in a row")
    return times_s


def _column(hourly: _Hourly, name: str, count: int) -> Floats:
    given: list[float | None] = getattr(hourly, name)
    if len(given) != len(hourly.time):
        raise WeatherUnavailable(f"{name} has {len(given)} values for {len(hourly.time)} times")
    values = np.array([np.nan if one is None else one for one in given[:count]])
    low, high = PLAUSIBLE[name]
    absurd = (values < low) | (values > high)
    if absurd.any():
        raise WeatherUnavailable(f"{name} is {values[absurd][0]:g}, expected {low:g} to {high:g}")
    return values
