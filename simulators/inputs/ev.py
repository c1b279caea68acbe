"""Cars that come and go: sessions drawn from fitted distributions, the same for the same seed.

Each connector's local day is drawn on its own, so that any stretch of time can be had without what
went before. Where two stays overlap, the earlier car leaves when the next one comes.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import yaml

from simulators.city import Charger, City
from simulators.inputs.calendar import holidays_of
from simulators.inputs.noise import stream
from simulators.sessions import EvSession

LONGEST_STAY = timedelta(hours=48)
SHORTEST_STAY = timedelta(minutes=15)
CHANGE_OVER = timedelta(minutes=2)
SEARCHED = timedelta(days=1)
USABLE_SHARE = 0.85
"""Of full power over the stay: no car asks for more than it can get with its own taper."""
LEAST_NEED_WH = 500.0


@lru_cache(maxsize=1)
def parameters() -> dict[str, Any]:
    """The fitted distributions, with their source."""
    text = files("simulators.inputs").joinpath("apartment_sessions.yaml").read_text("utf-8")
    tree: dict[str, Any] = yaml.safe_load(text)
    return tree


class ChargerLife:
    """All that will ever happen at one connector."""

    def __init__(self, city: City, charger: Charger) -> None:
        self.charger = charger
        self.zone = ZoneInfo(city.time_zone)
        self.country = city.country
        self.seed = stream(city.seed, "ev", charger.id)
        self._days: dict[date, list[EvSession]] = {}

    def upcoming(self, after: datetime) -> EvSession | None:
        """The first session that departs after an instant; None where no car ever comes."""
        if self.charger.sessions_per_day == 0:
            return None
        begin = after
        while True:
            for session in self.between(begin, begin + SEARCHED):
                if session.departure > after:
                    return session
            begin += SEARCHED

    def between(self, begin: datetime, end: datetime) -> list[EvSession]:
        """Sessions that are plugged in at some time in ``[begin, end)``, in order of arrival."""
        first = (begin - LONGEST_STAY).astimezone(self.zone).date()
        last = (end + LONGEST_STAY).astimezone(self.zone).date()
        drawn = [
            session
            for day in range((last - first).days + 2)
            for session in self._drawn(first + timedelta(days=day))
        ]
        return [
            session
            for session in self._one_at_a_time(drawn)
            if session.arrival < end and session.departure > begin
        ]

    def _one_at_a_time(self, drawn: list[EvSession]) -> list[EvSession]:
        kept = []
        for session, following in pairwise(drawn):
            departure = min(session.departure, following.arrival - CHANGE_OVER)
            if departure - session.arrival >= SHORTEST_STAY:
                kept.append(_leaving(session, departure))
        return kept + drawn[-1:]

    def _drawn(self, day: date) -> list[EvSession]:
        if day not in self._days:
            self._days[day] = self._draw(day)
        return self._days[day]

    def _draw(self, day: date) -> list[EvSession]:
        draw = np.random.default_rng([self.seed, day.toordinal()])
        free = day.weekday() >= 5 or day in holidays_of(self.country, day.year)
        percent = np.array(parameters()["arrival_percent"]["day_off" if free else "workday"])
        count = int(draw.poisson(self.charger.sessions_per_day))
        hours = np.sort(draw.choice(24, size=count, p=percent / percent.sum()) + draw.random(count))
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)
        return [
            self._session(draw, f"{self.charger.id}-{day:%Y%m%d}-{number}", midnight, float(hour))
            for number, hour in enumerate(hours, start=1)
        ]

    def _session(
        self, draw: np.random.Generator, name: str, midnight: datetime, hour: float
    ) -> EvSession:
        stay_score, energy_score = self._scores(draw)
        stay_h = _stay_h(draw, hour, stay_score)
        car = _car(draw)
        arrival = midnight + timedelta(seconds=round(hour * 3600))
        departure = arrival + min(max(timedelta(hours=stay_h), SHORTEST_STAY), LONGEST_STAY)
        energy = parameters()["energy"]
        wanted_kwh = energy["median_kwh"] * float(np.exp(energy["sigma"] * energy_score))
        phases = min(car["phases"], self.charger.phases)
        per_phase_w = min(
            self.charger.max_w / self.charger.phases, 1000 * car["max_kw"] / car["phases"]
        )
        announces_departure, announces_need = draw.random(2)
        session = EvSession(
            id=name,
            charger=self.charger.id,
            arrival=arrival,
            departure=departure,
            energy_wh=min(wanted_kwh, energy["highest_kwh"]) * 1000,
            min_w=self.charger.floor_w / self.charger.phases * phases,
            max_w=round(phases * per_phase_w),
            phases=phases,
            announces_departure=bool(announces_departure < self.charger.announces_departure),
            announces_need=bool(announces_need < self.charger.announces_need),
        )
        return _leaving(session, departure)

    @staticmethod
    def _scores(draw: np.random.Generator) -> tuple[float, float]:
        """Two normal scores with the fitted correlation between stay and energy."""
        rho = parameters()["energy"]["correlation_with_stay"]
        first, second = draw.standard_normal(2)
        return float(first), float(rho * first + np.sqrt(1 - rho * rho) * second)


def _stay_h(draw: np.random.Generator, hour: float, score: float) -> float:
    """A short or a long stay, by the hour of arrival; the score places it within its kind."""
    windows = [stay for stay in parameters()["stay"].values() if stay["from_hour"] <= hour]
    stay = max(windows, key=lambda window: window["from_hour"])
    kind = int(draw.random() >= stay["share"][0])
    return float(stay["median_h"][kind] * np.exp(stay["sigma"][kind] * score))


def _car(draw: np.random.Generator) -> dict[str, Any]:
    cars: list[dict[str, Any]] = parameters()["cars"]
    return cars[int(draw.choice(len(cars), p=[car["share"] for car in cars]))]


def _leaving(session: EvSession, departure: datetime) -> EvSession:
    """The session with this departure, and with no more need than the stay can serve."""
    stay_h = (departure - session.arrival).total_seconds() / 3600
    served_wh = max(LEAST_NEED_WH, USABLE_SHARE * session.max_w * stay_h)
    return replace(session, departure=departure, energy_wh=min(session.energy_wh, served_wh))
