"""Forecasts that stand on nothing, or on what is old, are an alarm that says so."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from optimizer.fallback import RulePlanner
from optimizer.forecasting.persistence import PersistenceForecaster
from tests.vpp.control.planning.cities import NOON, snapshot, two_sites
from vpp.control.replanning import Replanner
from vpp.domain.arrays import Floats
from vpp.domain.forecast import Forecast, ForecastRequest
from vpp.domain.history import Mean
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.problem import Problem
from vpp.ports.clock import Clocks
from vpp.runtime.clocks import WireClock

PORTFOLIO = two_sites()
DAY = timedelta(days=1)


class Until:
    """A history in which everything was 3 kW up to its last instant; what has none never was."""

    def __init__(self) -> None:
        self.last: dict[str, datetime] = dict.fromkeys(
            ("home-load", "home-pv", "home-pv-2", "shop-load", "shop-cp"), NOON
        )

    async def append(self, means: Sequence[Mean]) -> None:
        raise NotImplementedError

    async def read(
        self, subject: str, quantity: Quantity, start: datetime, end: datetime, step_s: float
    ) -> Floats:
        ends_s = step_s * np.arange(1, round((end - start).total_seconds() / step_s) + 1)
        last = self.last.get(subject, start)
        known = (ends_s <= (last - start).total_seconds()) & (quantity is Quantity.POWER_KW)
        return np.where(known, -3.0 if "pv" in subject else 3.0, np.nan)


class InProcess:
    """``learnt``: the forecaster knows from elsewhere by how much it errs."""

    learnt = False

    async def plan(self, problem: Problem) -> Plan:
        return RulePlanner().plan(problem)

    async def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        found = PersistenceForecaster().forecast(request)
        known = np.ones(len(request.grid))
        return tuple(replace(one, deviation_kw=known) for one in found) if self.learnt else found


class City:
    def __init__(self) -> None:
        clock = WireClock()
        self.history, self.planning = Until(), InProcess()
        self._replanner = Replanner(
            PORTFOLIO,
            planning=self.planning,
            history=self.history,
            clocks=Clocks(city=clock, wire=clock),
        )

    async def alarms(self) -> list[tuple[str, str, str]]:
        """Code, subject and what comes before the remedy."""
        measured = {"home-bat": {Quantity.SOC: 0.5}}
        await self._replanner.round(snapshot(PORTFOLIO, measured, at=NOON, now_s=0.0))
        return [(a.code, a.subject, a.text.split(": ")[0]) for a in self._replanner.alarms()]


async def test_what_is_on_record_up_to_now_is_no_alarm() -> None:
    assert await City().alarms() == []


async def test_what_never_was_on_record_is_named_with_what_is_assumed() -> None:
    city = City()
    del city.history.last["shop-load"], city.history.last["home-pv"]
    ((code, subject, text),) = await city.alarms()
    assert (code, subject) == ("FORECAST_MISSING", "street")
    assert text == (
        "nothing is on record of home's sun (1.1 kW assumed), shop's load (1.0 kW assumed)"
    )
    city.history.last |= {"shop-load": NOON, "home-pv": NOON}
    assert await city.alarms() == []


@pytest.mark.parametrize(("age", "alarm"), [(DAY, False), (1.25 * DAY, True)])
async def test_what_is_older_than_a_day_is_named_with_its_age(age: timedelta, alarm: bool) -> None:
    city = City()
    city.history.last["shop-load"] = NOON - age
    told = "nothing newer is on record of shop's load (30 h old)"
    assert await city.alarms() == ([("FORECAST_MISSING", "street", told)] if alarm else [])


async def test_what_was_learnt_from_a_record_elsewhere_is_no_guess() -> None:
    city = City()
    city.history.last, city.planning.learnt = {}, True
    assert await city.alarms() == []
