"""A day of the daemon in three houses: as in production but for clocks, devices and processes."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from tests.vpp.scenarios.day import (
    BLIND_H,
    DIES_H,
    OVER_H,
    OVERRIDE_H,
    OVERRIDE_KW,
    RETURNS_H,
    SEES_H,
    Day,
)
from tests.vpp.scenarios.street import MIDNIGHT, POOL, STATION, WINDOW
from tests.vpp.scenarios.world import DAY_MINUTES, ETA, new_cells
from vpp.backtest.rules_run import run_rule
from vpp.backtest.score import pool_nets, score
from vpp.control.parting import Ending
from vpp.domain.audit import Event
from vpp.domain.capability import Form
from vpp.domain.day import Cause
from vpp.domain.ladder import Rung
from vpp.domain.points import Quantity
from vpp.domain.rules import community, inverter
from vpp.runtime.audit_chain import verify
from vpp.runtime.audit_file import NAME as AUDIT
from vpp.runtime.audit_file import reserve_of
from vpp.runtime.memory_file import NAME as MEMORY
from vpp.runtime.score import HOLD_S

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("the day"),  # one worker lives it, once
]

MINUTE = 1 / 60


def test_more_local_energy_is_used_than_each_inverter_would_by_itself(day: Day) -> None:
    recording = day.recording
    reached = score(day.run, recording).self_consumption
    alone, together = (
        score(run_rule("x", recording, rule), recording).self_consumption
        for rule in (inverter, community)
    )
    assert alone + 0.02 < reached <= together + 0.005


def test_stored_energy_stays_in_its_window(day: Day) -> None:
    capacity = np.array([cell.capacity_kwh for cell in new_cells().values()])
    soc = np.array(day.street.world.stored) / capacity
    assert soc.min() >= WINDOW[0] - 1e-3
    assert soc.max() <= WINDOW[1] + 1e-3
    assert (np.ptp(soc, axis=0) > 0.3).all()


def test_no_battery_feeds_another_unless_somebody_asks_for_it(day: Day) -> None:
    opposed_kwh = day.street.world.opposed_kwh.copy()
    opposed_kwh[round(60 * OVERRIDE_H) : round(60 * OVER_H)] = 0.0
    moved_kwh = np.abs(day.street.world.minutes[:, :3]).sum() / 60
    assert moved_kwh > 20
    assert opposed_kwh.sum() < 0.005 * moved_kwh


def test_a_plan_begins_with_every_slot(day: Day) -> None:
    slots = [MIDNIGHT + slot * timedelta(minutes=15) for slot in range(96)]
    begun = {note.plan_begins: note.hour for note in reversed(day.notes(0.0, 24.0))}
    assert [slot for slot in slots if slot not in begun] == []
    late_h = [begun[slot] - (slot - MIDNIGHT).total_seconds() / 3600 for slot in slots]
    assert max(late_h) < MINUTE
    assert not any(
        alarm.startswith("NO_PLAN") for note in day.notes(0.0, 24.0) for alarm in note.alarms
    )


def test_a_day_has_96_slots_on_record_and_what_was_not_measured_is_missing(day: Day) -> None:
    slots = [MIDNIGHT.timestamp() + 900.0 * slot for slot in range(96)]
    stored = day.means["c-bat", Quantity.SOC]
    assert [at_s for at_s in slots if at_s in stored] == slots
    nets = day.means[POOL, Quantity.POWER_KW]
    blind = [slot for slot, at_s in enumerate(slots) if at_s not in nets]
    dark = {int(4 * BLIND_H), int(4 * BLIND_H) + 1}
    assert set(blind) <= dark
    assert all(nets[slots[slot]].coverage < 0.75 for slot in dark.difference(blind))
    truth_kw = pool_nets(day.run, day.recording)[0].reshape(96, 15).mean(axis=1)
    whole = [slot for slot in range(96) if slot not in blind and nets[slots[slot]].coverage > 0.99]
    assert len(whole) >= 92
    for slot in whole:
        assert nets[slots[slot]].value == pytest.approx(truth_kw[slot], abs=0.4)


def test_a_battery_that_cannot_be_reached_is_left_out_and_taken_back_as_it_stands(
    day: Day,
) -> None:
    gone = day.notes(DIES_H + 2 * MINUTE, RETURNS_H)
    assert {note.rungs["b-bat"] for note in gone} == {Rung.SAFE_STATE}
    assert {note.rungs["a-bat"] for note in gone} == {Rung.FRESH_PLAN}
    assert all("OFFLINE b-ess" in note.alarms for note in gone)
    assert day.commands("b-ess", DIES_H + 2 * MINUTE, RETURNS_H) == []
    assert np.abs(day.battery_kw("b", DIES_H + 5 * MINUTE, RETURNS_H)).max() == 0
    assert np.abs(day.battery_kw("a", DIES_H, RETURNS_H)).max() > 1
    back = day.notes(RETURNS_H + 0.5, BLIND_H)
    assert {note.rungs["b-bat"] for note in back} == {Rung.FRESH_PLAN}
    first, *later = day.commands("b-ess", RETURNS_H, BLIND_H)
    assert first.setpoint.target_kw == pytest.approx(0.0, abs=0.05)
    assert max(abs(command.setpoint.target_kw) for command in later) > 0.5


def test_a_battery_behind_a_blind_meter_goes_to_its_safe_state_and_the_others_go_on(
    day: Day,
) -> None:
    blind = day.notes(BLIND_H + 8 * MINUTE, SEES_H)
    assert {(n.rungs["a"], n.rungs["a-bat"]) for n in blind} == {(Rung.SAFE_STATE,) * 2}
    assert {(n.rungs["b"], n.rungs["b-bat"]) for n in blind} == {(Rung.FRESH_PLAN,) * 2}
    assert np.abs(day.battery_kw("a", BLIND_H + 9 * MINUTE, SEES_H)).max() == 0
    told = [c.setpoint.form for c in day.commands("a-ess", BLIND_H, SEES_H)]
    assert told[-1] is Form.STOP
    others = day.battery_kw("b", BLIND_H, SEES_H) + day.battery_kw("c", BLIND_H, SEES_H)
    assert np.abs(others).max() > 0.3
    sees = day.notes(SEES_H + 0.5, OVERRIDE_H)
    assert {note.rungs["a-bat"] for note in sees} == {Rung.FRESH_PLAN}
    assert day.commands("a-ess", SEES_H + 0.5, OVERRIDE_H) != []


def test_an_override_holds_and_ends(day: Day) -> None:
    held = day.battery_kw("c", OVERRIDE_H + MINUTE, OVER_H)
    assert held.tolist() == pytest.approx([OVERRIDE_KW] * len(held))
    owners = {c.setpoint.owner for c in day.commands("c-ess", OVERRIDE_H + MINUTE, OVER_H)}
    assert owners == {"operator"}
    after = day.commands("c-ess", OVER_H + MINUTE, OVER_H + 1)
    assert {command.setpoint.owner for command in after} == {"plan"}
    assert np.abs(day.battery_kw("c", OVER_H + 0.1, OVER_H + 1) - OVERRIDE_KW).max() > 0.3


def test_it_is_on_record_when_and_why_the_plan_did_not_have_a_battery(day: Day) -> None:
    def hours(battery: str, why: Quantity) -> list[float]:
        parts = day.means.get((battery, why), {})
        return [(at_s - MIDNIGHT.timestamp()) / 3600 for at_s, p in parts.items() if p.value > 0.5]

    gone = hours("b-bat", Quantity.OFFLINE)
    assert gone[:8] == [DIES_H + slot / 4 for slot in range(8)]
    assert max(gone) < RETURNS_H + 0.5, "until it was dialled again"
    assert hours("a-bat", Quantity.BLIND) == [BLIND_H, BLIND_H + 0.25]
    assert hours("c-bat", Quantity.BY_HAND) == [OVERRIDE_H, OVERRIDE_H + 0.25]
    assert hours("a-bat", Quantity.OFFLINE) == hours("a-bat", Quantity.NOT_OBEYING) == []


def test_the_day_is_scored_by_what_is_on_record_of_it(day: Day) -> None:
    (scored,) = day.street.view.scores.values()
    assert (scored.pool, scored.date) == (POOL, date(2026, 6, 2))
    nets = day.means[POOL, Quantity.POWER_KW]
    slots = [MIDNIGHT.timestamp() + 900.0 * slot for slot in range(96)]
    known = [slot for slot, at_s in enumerate(slots) if at_s in nets and nets[at_s].coverage >= 0.5]
    assert scored.completeness == len(known) / 96
    assert len(known) >= 92, "but for the meter that said nothing"
    assert scored.reached is not None
    truth_kw = pool_nets(day.run, day.recording)[0].reshape(96, 15).mean(axis=1)[known]
    sun_kw = day.recording.pv_kw.sum(axis=0).reshape(96, 15).mean(axis=1)[known]
    assert scored.reached.import_kwh == pytest.approx(np.maximum(truth_kw, 0).sum() / 4, rel=0.01)
    assert scored.reached.renewable_kwh == pytest.approx(sun_kw.sum() / 4, rel=0.01)
    assert scored.reached.regret > -1e-6
    by_hand_kwh = OVERRIDE_KW * (OVER_H - OVERRIDE_H)
    assert scored.reached.causes[Cause.DEVICE] > 0.9 * (1 - ETA**2) * by_hand_kwh
    gone, by_hand, blind = scored.reached.notes[Cause.DEVICE].split(", ")
    assert gone.startswith("b-bat offline 2."), "two hours, and until it was dialled again"
    assert by_hand == "c-bat by hand 0.5 h"
    assert blind.startswith("a-bat blind 0.")


def test_the_car_leaves_with_what_it_needs(day: Day) -> None:
    car = day.street.world.car
    assert car.delivered_kwh == pytest.approx(car.need_kwh, abs=0.1)
    charged = day.street.world.minutes[:, 3]
    assert charged[: 8 * 60].max() == 0
    assert charged.max() <= 11.0 + 1e-6


def test_every_device_is_left_safe(day: Day) -> None:
    assert {left.asset for left in day.street.daemon.left} == {"a-bat", "b-bat", "c-bat", "c-cp"}
    batteries = [left for left in day.street.daemon.left if left.device != STATION]
    assert {left.ending for left in batteries} == {Ending.READ_BACK}
    for device in ("a-ess", "b-ess", "c-ess"):
        assert day.street.wired(device).written[-1][1].setpoint.form is Form.STOP
    assert [cell.told_kw for cell in day.street.world.cells.values()] == [0.0] * 3
    assert day.street.world.car.offered_kw == pytest.approx(4.1)


def test_nothing_was_written_without_its_record_on_disk(day: Day) -> None:
    record = day.street.home / AUDIT
    verdict = verify(record, reserve_of(record))
    assert verdict.broken is None
    assert not verdict.unfinished
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    intended = {line["command"] for line in lines if line["event"] == Event.INTENT}
    written = [c.id for p in day.street.ports.values() for _, c in getattr(p, "written", ())]
    assert len(set(written)) > 200
    assert intended >= set(written)
    assert not any(line["late"] for line in lines)
    lived = [line["why"] for line in lines if line["event"] == Event.LIFECYCLE]
    assert [why.partition(" with ")[0] for why in lived] == ["started", "stopped: safe"]
    given = [line for line in lines if line["event"] == Event.OVERRIDE]
    assert [(one["subject"], one["who"]) for one in given] == [("c-bat", "operator")]


def test_the_running_score_leaves_out_what_was_not_measured(day: Day) -> None:
    reached = day.street.view.reached
    gone_s = (RETURNS_H - DIES_H + SEES_H - BLIND_H) * 3600
    assert gone_s - 2 * HOLD_S - 60 < reached.unmeasured_s < gone_s + 1800
    hour, sun_kw = np.arange(DAY_MINUTES) / 60, day.recording.pv_kw.sum(axis=0)
    gone = (hour >= DIES_H) & (hour < RETURNS_H + 0.5) | (hour >= BLIND_H) & (hour < SEES_H + 0.1)
    held = gone & (hour >= DIES_H + HOLD_S / 3600 + MINUTE) & (hour < RETURNS_H)
    least_kwh, most_kwh = (sun_kw[~left_out].sum() / 60 for left_out in (gone, held))
    assert 0.99 * least_kwh < reached.renewable_kwh < 1.01 * most_kwh


def test_what_must_outlive_the_daemon_is_kept(day: Day) -> None:
    kept = json.loads((day.street.home / MEMORY).read_text())
    assert kept["unseen_s"] == 0, "an orderly end"
    assert kept["writes"].keys() == {"a-ess", "b-ess", "c-ess", STATION}
    (account,) = kept["pools"].values()
    assert account["ledger"]["days"] != []
