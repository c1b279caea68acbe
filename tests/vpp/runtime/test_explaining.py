"""Why something was done, asked afterwards: reasons and plans on disk, commands in the record."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.vpp.control.planning.cities import NOON
from tests.vpp.runtime.reasoned import BAT, POOL, PORTFOLIO, pool_reason, seen, written
from vpp.control.inputs import Reason
from vpp.domain.audit import AuditRecord, Event
from vpp.domain.curve import SlotCosts, surplus_rule_curve
from vpp.domain.errors import InvariantError, StoreUnavailable
from vpp.domain.history import Mean
from vpp.domain.ids import AssetId, NodeId, PoolId
from vpp.domain.ladder import Rung
from vpp.domain.order import Order
from vpp.domain.plan import Binding, Explanation, ForecastNote, Plan, Schedule, Slack, StageValue
from vpp.domain.points import Quantity
from vpp.domain.proposal import Scope, ScopeKind
from vpp.domain.slots import SlotGrid
from vpp.runtime.audit_file import NAME as AUDIT
from vpp.runtime.audit_log import AuditLog
from vpp.runtime.explaining import account, last_told
from vpp.runtime.history_sqlite import SqliteHistory
from vpp.runtime.reason_log import NAME


def a_plan() -> Plan:
    grid = SlotGrid(edges_s=NOON.timestamp() + 900.0 * np.arange(5.0))
    flat = np.zeros(4)
    note = ForecastNote(subject="home", source="model", issued_at=NOON, input_age_s=12.0)
    return Plan(
        pool=PoolId(POOL),
        grid=grid,
        issued_at=NOON,
        order=Order.LOCAL,
        curve=surplus_rule_curve(grid, capacity_kwh=10.0),
        costs=SlotCosts(
            unit="kWh of import", import_weight=flat + 1, export_weight=flat, flatten=flat,
            peak_threshold_kw=flat + np.inf, peak_weight=flat, ramp_weight=flat,
        ),
        schedule=Schedule(
            assets=(AssetId(BAT),),
            power_kw=np.array([[-1.0, -2.0, -3.0, -4.0]]),
            energy_kwh=np.zeros((1, 4)),
            grid_kw=np.array([0.5, 0.0, 0.0, 0.0]),
        ),
        explanation=Explanation(
            planner="lp",
            stages=(StageValue(stage="S1 import less what stays in store", value=3.0, unit="kWh"),),
            slacks=(
                Slack(
                    what="EV session s1 at hub", amount=4.1, unit="kWh",
                    limited_by="node north import contract", dual=0.31, first_slot=1, last_slot=2,
                ),
            ),
            bindings=tuple(
                Binding(
                    node=NodeId(node), limit="import contract", stage="S2 cost", dual=80.5,
                    unit="KRW per kWh", first_slot=first, last_slot=first,
                )
                for node, first in (("street", 1), ("street", 2), ("elsewhere", 1))
            ),
            forecasts=(note,),
        ),
    )  # fmt: skip


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[SqliteHistory]:
    async with SqliteHistory(tmp_path / "history.db") as opened:
        yield opened


async def test_a_moment_is_told_with_the_reason_and_the_plan_of_then(
    tmp_path: Path, history: SqliteHistory
) -> None:
    plan = a_plan()
    late = replace(plan, issued_at=NOON + timedelta(hours=1))
    views = [
        seen(0, pool_reason("deficit served"), plan=plan),
        seen(1000, pool_reason("peak"), plan=plan),
        seen(3600, pool_reason("full"), plan=late),
    ]
    await written(tmp_path, views)
    for subject, value in ((BAT, -2.0), (POOL, 1.0)):
        start = NOON + timedelta(minutes=15)
        await history.append([
            Mean(
                subject=subject, quantity=Quantity.POWER_KW, start=start, step_s=900.0,
                value=value, coverage=1.0,
            )
        ])  # fmt: skip
    found = await account(tmp_path, history, BAT, NOON + timedelta(seconds=1030))
    assert [reason["text"] for reason in found.reasons] == ["because peak"]
    assert found.decided_at == NOON + timedelta(seconds=1000)
    local = found.at.astimezone(ZoneInfo(PORTFOLIO.time_zone)).replace(tzinfo=None)
    assert await account(tmp_path, history, BAT, local) == found, "the city's own clock"
    assert found.plan is not None
    assert (found.plan.issued_at, found.plan.expected_kw, found.plan.grid_kw) == (NOON, -2.0, 0.0)
    (missed,) = found.plan.missed
    assert (missed["limited_by"], missed["dual"]) == ("node north import contract", 0.31)
    assert missed["until"] - missed["since"] == timedelta(minutes=30)
    assert found.plan.net_kw == 2.0, "the pool without its storage"
    assert found.plan.next_at is None, "it gives out already, to the end"
    (held,) = found.plan.bindings
    assert (held["node"], held["dual"]) == ("street", 80.5)
    assert held["since"] == NOON + timedelta(minutes=15)
    assert found.plan.forecasts[0]["source"] == "model"
    assert found.without_kw == pytest.approx(3.0)
    newest = await account(tmp_path, history, BAT, None)
    assert [reason["text"] for reason in newest.reasons] == ["because full"]
    assert newest.without_kw is None, "that quarter hour is not on record"


async def test_reasons_of_others_are_left_out(tmp_path: Path, history: SqliteHistory) -> None:
    others = [
        Reason(scope=Scope(kind=kind, id=name), rung=Rung.FRESH_PLAN, binding="x", text=text)
        for kind, name, text in (
            (ScopeKind.ASSET, BAT, "mine"),
            (ScopeKind.ASSET, "shop-pv", "another's"),
            (ScopeKind.NODE, "home", "above me"),
        )
    ]
    await written(tmp_path, [seen(0, *others)])
    found = await account(tmp_path, history, BAT, None)
    assert [reason["text"] for reason in found.reasons] == ["mine", "above me"]


async def test_the_newest_command_and_what_became_of_it(tmp_path: Path) -> None:
    def line(event: Event, second: int, command: str, **more: Any) -> AuditRecord:
        at = NOON + timedelta(seconds=second)
        fields = {"who": "plan", "why": "deficit served", "lo_kw": -2.0, "hi_kw": -2.0}
        subject = more.pop("subject", BAT)
        return AuditRecord(
            event=event, at=at, subject=subject, command=command, **{**fields, **more}
        )

    async with AuditLog(tmp_path / AUDIT, reserve=0) as log:
        log.note(line(Event.INTENT, 0, "1", why="first"))
        log.note(line(Event.OUTCOME, 2, "1", outcome="followed"))
        log.note(line(Event.INTENT, 3, "9", subject="home-bat-2"))
        log.note(line(Event.INTENT, 60, "2", why="second"))
        log.note(line(Event.GATE_REFUSED, 61, "2", why="authority is observe"))
    first = last_told(tmp_path / AUDIT, BAT, NOON + timedelta(seconds=59))
    assert first is not None
    assert (first.why, first.outcome, first.lo_kw) == ("first", "followed", -2.0)
    second = last_told(tmp_path / AUDIT, BAT, NOON + timedelta(seconds=90))
    assert second is not None
    assert (second.why, second.outcome) == ("second", "refused: authority is observe")
    assert last_told(tmp_path / AUDIT, BAT, NOON - timedelta(seconds=1)) is None
    assert last_told(tmp_path / "none", BAT, NOON) is None


async def test_a_damaged_file_is_told_as_such(tmp_path: Path, history: SqliteHistory) -> None:
    (tmp_path / NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreUnavailable, match="it is damaged"):
        await account(tmp_path, history, BAT, None)


async def test_a_moment_of_which_nothing_is_known_is_not_answered_with_another(
    tmp_path: Path, history: SqliteHistory
) -> None:
    await written(tmp_path, [seen(0, pool_reason("x"))])
    near = await account(tmp_path, history, BAT, NOON + timedelta(seconds=100))
    assert near.decided_at == NOON
    with pytest.raises(InvariantError, match=r"the last before it is of 2026-.* \d\d:00:00"):
        await account(tmp_path, history, BAT, NOON + timedelta(days=400))


async def test_a_plan_that_came_later_is_not_the_one_of_then(
    tmp_path: Path, history: SqliteHistory
) -> None:
    plan = a_plan()
    late = replace(plan, issued_at=NOON + timedelta(seconds=5))
    views = [seen(0, pool_reason("x"), plan=plan), seen(5, pool_reason("x"), plan=late)]
    await written(tmp_path, views)
    found = await account(tmp_path, history, BAT, None)
    assert found.at == NOON
    assert found.plan is not None
    assert found.plan.issued_at == NOON


async def test_a_device_is_taken_for_what_it_carries(
    tmp_path: Path, history: SqliteHistory
) -> None:
    await written(tmp_path, [seen(0, pool_reason("x"))])
    writer = PORTFOLIO.writer_of[AssetId(BAT)]
    found = await account(tmp_path, history, writer, None)
    assert found.asset == BAT


async def test_who_may_not_be_written_is_told_with_whose_word_that_is(
    tmp_path: Path, history: SqliteHistory
) -> None:
    await written(tmp_path, [seen(0, pool_reason("x"))])
    writer = PORTFOLIO.writer_of[AssetId(BAT)]
    declared = await account(tmp_path, history, BAT, None)
    assert declared.standing is not None
    assert declared.standing.authority == PORTFOLIO.devices[writer].authority
    assert declared.standing.since is None
    async with AuditLog(tmp_path / AUDIT, reserve=0) as log:
        for after_s, authority in ((-10, "observe"), (30, "auto")):
            log.note(
                AuditRecord(
                    event=Event.AUTHORITY, at=NOON + timedelta(seconds=after_s), subject=writer,
                    who="kim", why="maintenance", outcome=authority,
                )
            )  # fmt: skip
    found = await account(tmp_path, history, BAT, NOON + timedelta(seconds=10))
    assert found.standing is not None
    assert (found.standing.authority, found.standing.who) == ("observe", "kim")


async def test_the_newest_word_of_an_operator_is_told(
    tmp_path: Path, history: SqliteHistory
) -> None:
    await written(tmp_path, [seen(0, pool_reason("x"))])
    async with AuditLog(tmp_path / AUDIT, reserve=0) as log:
        for after_s, outcome, subject in ((-20, "given", BAT), (-10, "withdrawn", BAT)):
            log.note(
                AuditRecord(
                    event=Event.OVERRIDE, at=NOON + timedelta(seconds=after_s), subject=subject,
                    who="kim", why="a test", outcome=outcome,
                )
            )  # fmt: skip
    found = (await account(tmp_path, history, BAT, None)).override
    assert found is not None
    assert (found.outcome, found.who, found.why) == ("withdrawn", "kim", "a test")


async def test_a_city_that_has_changed_is_known_as_it_is_now(
    tmp_path: Path, history: SqliteHistory
) -> None:
    await written(tmp_path, [seen(0, pool_reason("x"))])
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as database:
        database.execute("DELETE FROM place WHERE asset = ?", (BAT,))
        database.commit()
    await written(tmp_path, [seen(60, pool_reason("y"))])
    assert (await account(tmp_path, history, BAT, None)).asset == BAT


async def test_what_is_not_there_is_told_in_words(tmp_path: Path, history: SqliteHistory) -> None:
    with pytest.raises(StoreUnavailable, match="vpp run"):
        await account(tmp_path, history, BAT, None)
    await written(tmp_path, [seen(0, pool_reason("x"))])
    with pytest.raises(InvariantError, match="on record: home-bat"):
        await account(tmp_path, history, "home-ba", None)
    with pytest.raises(InvariantError, match="nothing was decided"):
        await account(tmp_path, history, BAT, datetime(2020, 1, 1, tzinfo=UTC))


async def test_when_a_storage_gives_out_next_is_told(
    tmp_path: Path, history: SqliteHistory
) -> None:
    plan = a_plan()
    later = replace(plan.schedule, power_kw=np.array([[-1.0, 2.0, 0.0, -4.0]]))
    await written(tmp_path, [seen(0, pool_reason("kept"), plan=replace(plan, schedule=later))])
    found = await account(tmp_path, history, BAT, NOON + timedelta(seconds=60))
    assert found.plan is not None
    assert (found.plan.next_at, found.plan.next_kw) == (NOON + timedelta(minutes=45), -4.0)
