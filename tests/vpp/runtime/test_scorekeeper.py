"""Days are judged once, when they are over, from what the history holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.vpp.control.living.fakes import LoopClock
from tests.vpp.control.planning.cities import two_sites
from tests.vpp.domain.days import HOURS, LOAD_KW, SUN_KW
from tests.vpp.runtime.remembering import Remembering
from tests.vpp.runtime.test_foreseen import plan_for, planned
from vpp.control.supervision import Supervisor
from vpp.domain.arrays import Floats
from vpp.domain.day import Cause, DayScore, MeasuredDay
from vpp.domain.errors import PlannerFailed
from vpp.domain.history import Mean
from vpp.domain.ids import PoolId
from vpp.domain.judging import judge
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.ports.clock import Clock
from vpp.runtime.clocks import CityClock
from vpp.runtime.day_record import SLOT_S, measured_day, span
from vpp.runtime.reason_log import NAME as REASONS
from vpp.runtime.reason_log import ReasonLog
from vpp.runtime.scorekeeper import GRACE_S, Scorekeeper

pytestmark = pytest.mark.virtual_time
SEOUL, BERLIN = two_sites(), replace(two_sites(), time_zone="Europe/Berlin")
DAY, POOL = date(2026, 7, 15), PoolId("street")
BATTERY = "home-bat"


def midnight(portfolio: Portfolio, day: date) -> datetime:
    """At which the day ends."""
    return span(portfolio, day).end


async def lived(
    history: Remembering,
    portfolio: Portfolio,
    day: date,
    *,
    rests: bool = False,
    marks: Sequence[tuple[str, Quantity]] = (),
) -> None:
    """A day of the usual sun and load, scaled to the battery; ``rests``: which stands still."""
    grid = span(portfolio, day)
    rest_kw = np.resize(LOAD_KW - SUN_KW, len(grid))
    power_kw, soc = _followed(rest_kw, rests)
    rows: dict[tuple[str, Quantity], Floats] = {
        (POOL, Quantity.POWER_KW): rest_kw + power_kw,
        (BATTERY, Quantity.POWER_KW): power_kw,
        (BATTERY, Quantity.SOC): soc,
        ("home-pv", Quantity.POWER_KW): -np.resize(SUN_KW, len(grid)),
        ("home-pv-2", Quantity.POWER_KW): np.zeros(len(grid)),
        **{mark: np.ones(len(grid)) for mark in marks},
    }
    await history.append(
        [
            Mean(
                subject=subject, quantity=quantity, start=start, step_s=SLOT_S,
                value=float(value), coverage=1.0,
            )
            for (subject, quantity), values in rows.items()
            for start, value in zip(grid.starts, values, strict=True)
        ]
    )  # fmt: skip


def _followed(rest_kw: Floats, rests: bool) -> tuple[Floats, Floats]:
    stored, power, soc = 2.0, np.zeros(len(rest_kw)), np.zeros(len(rest_kw))
    for slot, net_kw in enumerate(rest_kw):
        most, least = (
            min(4.0, (10.0 - stored) / 0.95 / HOURS),
            -min(5.0, (stored - 2.0) * 0.95 / HOURS),
        )
        power[slot] = 0.0 if rests else float(np.clip(-net_kw, least, most))
        gain = power[slot] * (0.95 if power[slot] > 0 else 1 / 0.95)
        stored += gain * HOURS
        soc[slot] = stored / 10.0
    return power, soc


@dataclass
class Bench:
    """A judge who can be made to fail, and remembers whom he judged."""

    failures: int = 0
    judged: list[MeasuredDay] = field(default_factory=list)

    async def judge(self, day: MeasuredDay) -> DayScore:
        self.judged.append(day)
        if len(self.judged) <= self.failures:
            raise PlannerFailed("killed")
        return judge(day)


def keeper(
    home: Path, portfolio: Portfolio, history: Remembering, city: Clock, bench: Bench
) -> Scorekeeper:
    return Scorekeeper(portfolio, history=history, judge=bench.judge, city=city, state_dir=home)


def clock(start: datetime, speed: float = 1.0) -> CityClock:
    return CityClock(LoopClock(), start=start, speed=speed)


@pytest.mark.parametrize("speed", [1.0, 600.0])
async def test_a_day_is_judged_after_its_midnight_by_the_citys_clock(
    tmp_path: Path, speed: float
) -> None:
    history, bench = Remembering(), Bench()
    await lived(history, SEOUL, DAY)
    end = midnight(SEOUL, DAY)
    city = clock(end - timedelta(hours=3), speed)
    async with Supervisor(LoopClock()) as tasks:
        kept = keeper(tmp_path, SEOUL, history, city, bench)
        tasks.watch("score", kept.run)
        await city.sleep(3 * 3600 + GRACE_S - 60)
        assert kept.newest == {}
        await city.sleep(120)
        assert kept.newest[POOL].date == DAY
    assert not kept.newest[POOL].bad
    assert kept.alarms() == ()


async def test_a_bad_day_is_alarmed_until_the_next_good_one_also_after_a_restart(
    tmp_path: Path,
) -> None:
    history, bench = Remembering(), Bench()
    gone = [(BATTERY, Quantity.OFFLINE)]
    await lived(history, SEOUL, DAY, rests=True, marks=gone)
    city = clock(midnight(SEOUL, DAY) + timedelta(minutes=11))
    await keeper(tmp_path, SEOUL, history, city, bench).catch_up()
    restarted = keeper(tmp_path, SEOUL, history, city, bench)
    (alarm,) = restarted.alarms()
    assert (alarm.code, alarm.subject) == ("BAD_DAY", POOL)
    assert "kWh lost, import less what is stored, against perfect foresight" in alarm.text
    assert "home-bat offline 24.0 h" in alarm.text
    await restarted.catch_up()
    assert len(bench.judged) == 1, "not twice"
    await lived(history, SEOUL, DAY + timedelta(days=2))
    await city.sleep(2 * 86400)
    await restarted.catch_up()
    assert restarted.newest[POOL].date == DAY + timedelta(days=2)
    assert restarted.alarms() == ()


async def test_the_alarm_of_a_day_with_an_absurd_forecast_names_it(tmp_path: Path) -> None:
    """Ten times the sun was foreseen, and room for it kept in the battery."""
    history, bench = Remembering(), Bench()
    await lived(history, SEOUL, DAY, rests=True)
    async with ReasonLog(tmp_path / REASONS, SEOUL) as log:
        log.observe(planned(plan_for(span(SEOUL, DAY).start, LOAD_KW - 10 * SUN_KW)))
    city = clock(midnight(SEOUL, DAY) + timedelta(minutes=11))
    kept = keeper(tmp_path, SEOUL, history, city, bench)
    await kept.catch_up()
    (alarm,) = kept.alarms()
    reached = kept.newest[POOL].reached
    assert reached is not None
    assert reached.causes[Cause.FORECAST] > 0.5 * reached.regret
    off_kw = 9 * SUN_KW.mean()
    assert f"% of demand: forecast {reached.causes[Cause.FORECAST]:.1f} kWh" in alarm.text
    assert f"the net was {off_kw:.1f} kW off in the mean" in alarm.text


async def test_a_daemon_that_starts_a_minute_after_midnight_judges_the_day_before(
    tmp_path: Path,
) -> None:
    history, bench = Remembering(), Bench()
    await lived(history, SEOUL, DAY)
    city = clock(midnight(SEOUL, DAY) + timedelta(minutes=1))
    kept = keeper(tmp_path, SEOUL, history, city, bench)
    async with Supervisor(LoopClock()) as tasks:
        tasks.watch("score", kept.run)
        await city.sleep(GRACE_S)
    assert kept.newest[POOL].date == DAY


async def test_a_judge_who_is_killed_is_asked_again(tmp_path: Path) -> None:
    history, bench = Remembering(), Bench(failures=2)
    await lived(history, SEOUL, DAY)
    city = clock(midnight(SEOUL, DAY) + timedelta(minutes=11))
    kept = keeper(tmp_path, SEOUL, history, city, bench)
    async with Supervisor(LoopClock()) as tasks:
        tasks.watch("score", kept.run)
        await city.sleep(60)
    assert len(bench.judged) == 3
    assert kept.newest[POOL].reached is not None


async def test_a_judge_who_fails_every_time_leaves_the_day_unjudged_and_says_why(
    tmp_path: Path,
) -> None:
    history, bench = Remembering(), Bench(failures=99)
    await lived(history, SEOUL, DAY)
    city = clock(midnight(SEOUL, DAY) + timedelta(minutes=11))
    kept = keeper(tmp_path, SEOUL, history, city, bench)
    async with Supervisor(LoopClock()) as tasks:
        tasks.watch("score", kept.run)
        await city.sleep(600)
    assert len(bench.judged) == 3
    assert kept.newest[POOL].unjudged == "killed"


async def test_days_of_which_nothing_is_on_record_are_not_mentioned(tmp_path: Path) -> None:
    bench = Bench()
    city = clock(midnight(SEOUL, DAY) + timedelta(minutes=11))
    await keeper(tmp_path, SEOUL, Remembering(), city, bench).catch_up()
    assert bench.judged == []
    assert not (tmp_path / "scores.jsonl").exists()


@pytest.mark.parametrize(("day", "slots"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
async def test_days_on_which_clocks_are_changed_have_23_and_25_hours(
    tmp_path: Path, day: date, slots: int
) -> None:
    history, bench = Remembering(), Bench()
    await lived(history, BERLIN, day)
    city = clock(midnight(BERLIN, day) + timedelta(minutes=11))
    kept = keeper(tmp_path, BERLIN, history, city, bench)
    await kept.catch_up()
    assert len(bench.judged[0].net_kw) == slots
    assert kept.newest[POOL].completeness == 1.0
    reached = kept.newest[POOL].reached
    assert reached is not None
    assert reached.regret == pytest.approx(0.0, abs=1e-6)


async def test_a_torn_last_line_of_the_scores_costs_one_score(tmp_path: Path) -> None:
    history, bench = Remembering(), Bench()
    await lived(history, SEOUL, DAY)
    city = clock(midnight(SEOUL, DAY) + timedelta(minutes=11))
    await keeper(tmp_path, SEOUL, history, city, bench).catch_up()
    book = tmp_path / "scores.jsonl"
    book.write_bytes(book.read_bytes()[:-20])
    again = keeper(tmp_path, SEOUL, history, city, bench)
    assert again.newest == {}
    await again.catch_up()
    assert keeper(tmp_path, SEOUL, history, city, bench).newest.keys() == {POOL}


async def test_an_inverter_that_sleeps_at_night_gave_nothing_then() -> None:
    history = Remembering()
    await lived(history, SEOUL, DAY)
    sun = history.means["home-pv", Quantity.POWER_KW]
    for at_s, mean in list(sun.items()):
        if mean.value > -0.05:
            del sun[at_s]
    for waking in (min(sun), max(sun)):
        sun[waking] = replace(sun[waking], value=-0.2)
    none = np.full(96, np.nan)
    day = await measured_day(SEOUL, POOL, DAY, history, none)
    assert np.isfinite(day.sun_kw).all()
    noon = sorted(sun)[len(sun) // 2]
    del sun[noon]
    day = await measured_day(SEOUL, POOL, DAY, history, none)
    assert np.isnan(day.sun_kw).sum() == 1


async def test_a_plant_that_was_silent_by_day_is_named_where_the_day_is_not_judged() -> None:
    history = Remembering()
    await lived(history, SEOUL, DAY)
    sun = history.means["home-pv", Quantity.POWER_KW]
    for start in span(SEOUL, DAY).starts[40:52]:
        del sun[start.timestamp()]
    score = judge(await measured_day(SEOUL, POOL, DAY, history, np.full(96, np.nan)))
    assert score.unjudged == "home-pv was not measured in 12 of 96 quarter hours"


async def test_a_battery_that_was_last_heard_the_day_before_stands_where_it_stood() -> None:
    history = Remembering()
    await lived(history, SEOUL, DAY - timedelta(days=1), rests=True)
    await lived(history, SEOUL, DAY)
    for quantity in (Quantity.SOC, Quantity.POWER_KW):
        means = history.means[BATTERY, quantity]
        for start in span(SEOUL, DAY).starts:
            del means[start.timestamp()]
    day = await measured_day(SEOUL, POOL, DAY, history, np.full(96, np.nan))
    assert day.batteries == (BATTERY,)
    assert day.stored_kwh[0, 0] == pytest.approx(2.0)
    assert np.isnan(day.stored_kwh[0, 1:]).all()


@pytest.mark.parametrize(("net_kw", "limited"), [(39.5, True), (20.0, False), (-59.5, True)])
async def test_a_quarter_hour_at_a_contract_or_rating_counts_as_limited(
    net_kw: float, limited: bool
) -> None:
    history = Remembering()
    await lived(history, SEOUL, DAY)
    start = span(SEOUL, DAY).start
    nets = history.means[POOL, Quantity.POWER_KW]
    nets[start.timestamp()] = replace(nets[start.timestamp()], value=net_kw)
    day = await measured_day(SEOUL, POOL, DAY, history, np.full(96, np.nan))
    assert day.limited[0, 0] == limited
    assert not day.limited[0, 1:].any()


async def test_a_battery_that_does_less_than_it_was_told_is_put_down_to_the_device() -> None:
    history = Remembering()
    await lived(history, SEOUL, DAY, rests=True)
    grid, charges_kw = span(SEOUL, DAY), np.clip(SUN_KW - LOAD_KW, 0.0, 4.0)
    await history.append(
        [
            Mean(
                subject=BATTERY, quantity=Quantity.SETPOINT_KW, start=start, step_s=SLOT_S,
                value=float(told_kw), coverage=1.0,
            )
            for start, told_kw in zip(grid.starts, charges_kw, strict=True)
        ]
    )  # fmt: skip
    score = judge(await measured_day(SEOUL, POOL, DAY, history, np.full(96, np.nan)))
    assert score.reached is not None
    off_h = (charges_kw > 0.5).sum() * HOURS
    assert score.reached.causes[Cause.DEVICE] > 0.5 * score.reached.regret
    assert score.reached.notes[Cause.DEVICE] == f"home-bat off its setpoint {off_h:.1f} h"


def test_midnight_is_local() -> None:
    assert span(SEOUL, DAY).start == datetime(2026, 7, 14, 15, 0, tzinfo=UTC)
