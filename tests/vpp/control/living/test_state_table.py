import math
from dataclasses import replace

import numpy as np
import pytest

from tests.vpp.control.living.fakes import BEGIN, READS
from tests.vpp.control.living.small_city import (
    batch,
    battery,
    battery_device,
    city_of,
    device_of,
    meter_device,
    point,
)
from vpp.control.device_record import DeviceRecord
from vpp.control.inputs import Timing
from vpp.control.state_table import StateTable
from vpp.domain.assets import Load, Pv
from vpp.domain.device_alarm import DeviceAlarm
from vpp.domain.devices import Authority, Carried
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, MeterId, SiteId
from vpp.domain.points import OperatingState, Point, Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.snapshot import Snapshot

B1, D1 = AssetId("b1"), DeviceId("d1")
POWER, SOC, SETPOINT = (
    point("b1"), point("b1", Quantity.SOC), point("b1", Quantity.SETPOINT_KW)
)  # fmt: skip
ENERGY = point("b1", Quantity.ENERGY_IN_KWH)


def table(portfolio: Portfolio | None = None) -> StateTable:
    portfolio = portfolio or city_of([battery()], [battery_device()])
    return StateTable(portfolio, {}, Timing(), lambda _: Authority.AUTO)


def seen(made: StateTable, now_s: float) -> Snapshot:
    return made.freeze(1, BEGIN, now_s)


def quality(snapshot: Snapshot, quantity: Quantity, asset: str = "b1") -> Quality:
    index = snapshot.layout.asset_at[AssetId(asset)]
    return Quality(int(snapshot.assets[quantity].quality[index]))


def value(snapshot: Snapshot, quantity: Quantity, asset: str = "b1") -> float:
    return float(snapshot.assets[quantity].values[snapshot.layout.asset_at[AssetId(asset)]])


def test_what_never_arrived_is_missing_not_zero() -> None:
    snapshot = seen(table(), 0.0)
    assert snapshot.asset(B1, Quantity.POWER_KW) is None
    assert quality(snapshot, Quantity.POWER_KW) is Quality.MISSING
    assert math.isnan(value(snapshot, Quantity.POWER_KW))


def test_a_value_is_good_until_its_freshness_is_over_and_then_stale_and_kept() -> None:
    made = table()
    made.apply(batch("d1", {POWER: 3.0}, at_s=100.0))
    assert seen(made, 110.0).asset(B1, Quantity.POWER_KW) == 3.0
    late = seen(made, 110.1)
    assert quality(late, Quantity.POWER_KW) is Quality.STALE
    assert value(late, Quantity.POWER_KW) == 3.0


def test_freshness_counts_from_arrival_and_a_stamp_from_the_future_gains_nothing() -> None:
    made = table()
    made.apply(batch("d1", {POWER: 3.0}, at_s=100.0, measured_s=99_999.0))
    snapshot = seen(made, 105.0)
    assert snapshot.assets[Quantity.POWER_KW].measured_s[0] == 100.0
    made.apply(batch("d1", {POWER: 4.0}, at_s=106.0))
    assert seen(made, 106.0).asset(B1, Quantity.POWER_KW) == 4.0


def test_a_slow_device_is_fresh_for_three_of_its_periods() -> None:
    portfolio = city_of([battery()], [battery_device()])
    slow = {D1: DeviceFacts(poll_period_s=60.0)}
    made = StateTable(portfolio, slow, Timing(), lambda _: Authority.AUTO)
    made.apply(batch("d1", {POWER: 3.0}, at_s=0.0))
    assert seen(made, 180.0).asset(B1, Quantity.POWER_KW) == 3.0
    assert seen(made, 181.0).asset(B1, Quantity.POWER_KW) is None


def test_a_device_that_is_there_and_does_not_say_its_power_is_an_alarm() -> None:
    made = table()
    made.answers(D1)
    made.well(D1)
    made.apply(batch("d1", {POWER: 3.0}, at_s=1.0))
    seen(made, 1.0)
    assert made.alarms() == ()
    made.apply(batch("d1", {POWER: math.nan}, at_s=2.0, quality=Quality.MISSING))
    seen(made, 2.0)
    assert [(one.code, one.subject) for one in made.alarms()] == [("UNMEASURED", "asset:b1")]
    made.lost(D1, "no answer")
    assert [one.code for one in made.alarms()] == ["OFFLINE"]  # says it all


@pytest.mark.parametrize(
    ("impossible", "quantity"),
    [
        (12.1, Quantity.POWER_KW),
        (-12.1, Quantity.POWER_KW),
        (1.04, Quantity.SOC),
        (-0.1, Quantity.SOC),
    ],
)
def test_what_is_finite_but_impossible_is_suspect_and_the_last_good_one_kept(
    impossible: float, quantity: Quantity
) -> None:
    made = table()
    made.apply(batch("d1", {POWER: 3.0, SOC: 0.5}, at_s=1.0))
    before = value(seen(made, 1.0), quantity)
    made.apply(batch("d1", {point("b1", quantity): impossible}, at_s=2.0))
    snapshot = seen(made, 2.0)
    assert quality(snapshot, quantity) is Quality.SUSPECT
    assert snapshot.asset(B1, quantity) is None
    assert value(snapshot, quantity) == before
    assert [alarm.code for alarm in made.alarms()] == ["IMPLAUSIBLE"]
    made.apply(batch("d1", {point("b1", quantity): before}, at_s=3.0))
    assert seen(made, 3.0).asset(B1, quantity) == before
    assert made.alarms() == ()


def test_no_counter_shows_more_than_a_century_at_full_power() -> None:
    made = counting()
    made.apply(batch("d1", {ENERGY: 5.0}, at_s=1.0))
    for at_s in range(2, 10):
        made.apply(batch("d1", {ENERGY: 9.2e15}, at_s=float(at_s)))
    snapshot = seen(made, 10.0)
    assert quality(snapshot, Quantity.ENERGY_IN_KWH) is Quality.SUSPECT
    assert value(snapshot, Quantity.ENERGY_IN_KWH) == 5.0


@pytest.mark.parametrize("sent", [math.nan, math.inf, -math.inf])
def test_no_number_is_missing_whatever_the_device_calls_it(sent: float) -> None:
    made = table()
    made.apply(batch("d1", {POWER: 3.0}, at_s=1.0))
    made.apply(batch("d1", {POWER: sent}, at_s=2.0))
    snapshot = seen(made, 2.0)
    assert quality(snapshot, Quantity.POWER_KW) is Quality.MISSING
    assert math.isnan(value(snapshot, Quantity.POWER_KW))


def test_rounding_beyond_full_counts_as_full() -> None:
    made = table()
    made.apply(batch("d1", {SOC: 1.004}, at_s=1.0))
    assert seen(made, 1.0).asset(B1, Quantity.SOC) == 1.0


def test_no_setpoint_held_is_a_good_answer() -> None:
    made = table()
    made.apply(batch("d1", {SETPOINT: math.nan}, at_s=1.0))
    assert quality(seen(made, 1.0), Quantity.SETPOINT_KW) is Quality.GOOD


def counting() -> StateTable:
    carried = Carried(subject=B1, reads={Quantity.ENERGY_IN_KWH: 0})
    return table(city_of([battery()], [device_of("d1", carried)]))


@pytest.mark.parametrize("jump", [0.0, 99.0, 5000.0])
def test_a_counter_that_jumps_is_suspect_until_it_has_gone_on_from_there(jump: float) -> None:
    made = counting()
    made.apply(batch("d1", {ENERGY: 100.0}, at_s=0.0))
    made.apply(batch("d1", {ENERGY: 100.1}, at_s=36.0))
    assert seen(made, 36.0).asset(B1, Quantity.ENERGY_IN_KWH) == 100.1
    states = []
    for i in range(3):
        made.apply(batch("d1", {ENERGY: jump + 0.1 * i}, at_s=72.0 + 36.0 * i))
        states.append(quality(seen(made, 72.0 + 36.0 * i), Quantity.ENERGY_IN_KWH))
    assert states == [Quality.SUSPECT, Quality.SUSPECT, Quality.GOOD]


def test_a_single_wrong_counter_reading_changes_nothing() -> None:
    made = counting()
    for at_s, reading in ((0.0, 100.0), (1.0, 0.0), (2.0, 100.01)):
        made.apply(batch("d1", {ENERGY: reading}, at_s=at_s))
    assert seen(made, 2.0).asset(B1, Quantity.ENERGY_IN_KWH) == 100.01


def test_an_older_measurement_never_overwrites_a_newer_one() -> None:
    made = table()
    made.apply(batch("d1", {POWER: 3.0}, at_s=10.0, measured_s=9.0))
    made.apply(batch("d1", {POWER: 1.0}, at_s=11.0, measured_s=5.0))
    assert seen(made, 11.0).asset(B1, Quantity.POWER_KW) == 3.0


def test_points_that_the_entry_does_not_name_are_not_read() -> None:
    made = table()
    made.apply(batch("d1", {point("b1", Quantity.HEALTH): 0.9, POWER: 2.0}, at_s=1.0))
    snapshot = seen(made, 1.0)
    assert Quantity.HEALTH not in snapshot.assets
    assert snapshot.asset(B1, Quantity.POWER_KW) == 2.0


def ranked() -> StateTable:
    pcs = Carried(subject=B1, reads={**READS, Quantity.SOC: 1}, writes=True)
    bms = Carried(subject=B1, reads={Quantity.SOC: 0})
    return table(city_of([battery()], [device_of("pcs", pcs), device_of("bms", bms)]))


def test_each_quantity_comes_from_its_preferred_source_and_falls_back_while_that_is_stale() -> None:
    made = ranked()
    made.apply(batch("pcs", {SOC: 0.4, POWER: 1.0}, at_s=0.0))
    assert seen(made, 0.0).asset(B1, Quantity.SOC) == 0.4
    made.apply(batch("bms", {SOC: 0.5}, at_s=1.0))
    assert seen(made, 1.0).asset(B1, Quantity.SOC) == 0.5
    made.apply(batch("pcs", {SOC: 0.41, POWER: 1.0}, at_s=15.0))
    assert seen(made, 15.0).asset(B1, Quantity.SOC) == 0.41
    made.apply(batch("bms", {SOC: 0.52}, at_s=16.0))
    assert seen(made, 16.0).asset(B1, Quantity.SOC) == 0.52


def test_when_all_sources_are_stale_the_preferred_one_is_shown() -> None:
    made = ranked()
    made.apply(batch("pcs", {SOC: 0.4}, at_s=1.0))
    made.apply(batch("bms", {SOC: 0.5}, at_s=0.0))
    late = seen(made, 100.0)
    assert (value(late, Quantity.SOC), quality(late, Quantity.SOC)) == (0.5, Quality.STALE)


def home() -> StateTable:
    """A battery and a plant that are measured, a load that is not."""
    site = SiteId("s1")
    sun = Pv(id=AssetId("pv"), site=site, peak_kw=8.0)
    load = Load(id=AssetId("load"), site=site, max_kw=20.0)
    carried = Carried(subject=AssetId("pv"), reads={Quantity.POWER_KW: 0})
    devices = [battery_device(), device_of("dpv", carried), meter_device()]
    return table(city_of([battery(), sun, load], devices))


METER = Point(subject=MeterId("m-s1"), quantity=Quantity.POWER_KW)


def test_an_unmetered_load_is_what_the_meter_sees_and_nothing_else_explains() -> None:
    made = home()
    made.apply(batch("d1", {POWER: 3.0}, at_s=1.0))
    made.apply(batch("dpv", {point("pv"): -5.0}, at_s=1.0))
    made.apply(batch("dm", {METER: 2.0}, at_s=1.0))
    assert seen(made, 1.0).asset(AssetId("load"), Quantity.POWER_KW) == 4.0


def test_the_residual_is_taken_at_the_meters_own_time() -> None:
    made = home()
    made.apply(batch("dpv", {point("pv"): 0.0}, at_s=0.0))
    for at_s, power_kw in ((0.0, 0.0), (4.0, 8.0)):  # a battery that ramps up
        made.apply(batch("d1", {POWER: power_kw}, at_s=at_s))
        made.apply(batch("dpv", {point("pv"): 0.0}, at_s=at_s))
    made.apply(batch("dm", {METER: 9.0}, at_s=5.0, measured_s=2.0))  # load 5, battery at 4
    snapshot = seen(made, 5.0)
    assert snapshot.asset(AssetId("load"), Quantity.POWER_KW) == pytest.approx(5.0)
    at = snapshot.layout.asset_at[AssetId("load")]
    assert snapshot.assets[Quantity.POWER_KW].measured_s[at] == 2.0


def test_a_residual_has_the_worst_quality_of_its_terms() -> None:
    made = home()
    made.apply(batch("d1", {POWER: 3.0}, at_s=1.0))
    made.apply(batch("dm", {METER: 2.0}, at_s=1.0))
    assert quality(seen(made, 1.0), Quantity.POWER_KW, "load") is Quality.MISSING
    made.apply(batch("dpv", {point("pv"): -5.0}, at_s=1.0))
    assert quality(seen(made, 1.0), Quantity.POWER_KW, "load") is Quality.GOOD
    made.apply(batch("d1", {POWER: 3.0}, at_s=20.0))
    made.apply(batch("dm", {METER: 2.0}, at_s=20.0))
    assert quality(seen(made, 20.0), Quantity.POWER_KW, "load") is Quality.STALE


def test_a_snapshot_does_not_change_and_cannot_be_changed() -> None:
    made = table()
    made.apply(batch("d1", {POWER: 3.0}, at_s=1.0))
    snapshot = seen(made, 1.0)
    made.apply(batch("d1", {POWER: 5.0}, at_s=2.0))
    seen(made, 2.0)
    assert snapshot.asset(B1, Quantity.POWER_KW) == 3.0
    with pytest.raises(ValueError, match="read-only"):
        snapshot.assets[Quantity.POWER_KW].values[0] = 9.0


def test_every_batch_between_two_ticks_counts_in_its_order() -> None:
    made = table()
    for i in range(5):
        made.apply(batch("d1", {POWER: float(i)}, at_s=float(i)))
    snapshot = seen(made, 4.0)
    assert snapshot.asset(B1, Quantity.POWER_KW) == 4.0
    assert np.isclose(snapshot.assets[Quantity.POWER_KW].measured_s[0], 4.0)


def test_read_back_means_read_since_the_connection_was_made() -> None:
    made = table()
    made.apply(batch("d1", {SETPOINT: 1.0}, at_s=1.0))
    assert not made.device(D1).read_back
    made.answers(D1)
    assert (made.device(D1).identified, made.device(D1).read_back) == (True, False)
    made.apply(batch("d1", {SETPOINT: 1.0}, at_s=2.0))
    assert made.device(D1).read_back
    made.disconnected(D1)
    assert (made.device(D1).identified, made.device(D1).read_back) == (False, False)


def test_a_device_under_local_control_says_so() -> None:
    made = table()
    local = point("b1", Quantity.STATE)
    made.apply(batch("d1", {local: OperatingState.LOCAL}, at_s=1.0))
    assert made.device(D1).authority is Authority.LOCAL
    made.apply(batch("d1", {local: OperatingState.RUNNING}, at_s=2.0))
    assert made.device(D1).authority is Authority.AUTO


@pytest.mark.parametrize(
    ("configured", "shown"),
    [
        (Authority.SHADOW, Authority.LOCAL),
        (Authority.MANUAL, Authority.LOCAL),
        (Authority.OBSERVE, Authority.OBSERVE),
        (Authority.OUT_OF_SERVICE, Authority.OUT_OF_SERVICE),
    ],
)
def test_local_control_shows_wherever_it_takes_something_away(
    configured: Authority, shown: Authority
) -> None:
    made = DeviceRecord.of(battery_device())
    made.note(batch("d1", {point("b1", Quantity.STATE): OperatingState.LOCAL}, at_s=1.0))
    assert made.state(configured).authority is shown


def test_what_a_device_complains_of_is_an_alarm_until_it_says_otherwise() -> None:
    made = table()
    silent = batch("d1", {POWER: 1.0}, at_s=1.0)
    door = DeviceAlarm(id="door", severity="warning", text="open")
    complaining = replace(silent, alarms=(door, replace(door, id="fan", text="")))
    standing = []
    for one in (silent, complaining, silent, replace(silent, alarms=())):
        made.apply(one)
        standing.append({a.subject: a.text for a in made.alarms() if a.code == "DEVICE_ALARM"})
    both = {"d1:door": "warning: open", "d1:fan": "warning"}
    assert standing == [{}, both, both, {}]


def test_a_device_that_has_just_come_has_a_freshness_limit_to_say_its_power() -> None:
    made = table()
    made.apply(batch("d1", {POWER: 3.0}, at_s=1.0))
    for came_s in (100.0, 200.0):
        made.answers(D1)
        made.well(D1)
        seen(made, came_s)
        assert made.alarms() == ()
        seen(made, came_s + Timing().freshness_s)
        assert made.alarms() == ()
        seen(made, came_s + Timing().freshness_s + 1.0)
        assert [one.code for one in made.alarms()] == ["UNMEASURED"]
        made.lost(D1, "gone")
        seen(made, came_s + 50.0)
