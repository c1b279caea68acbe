"""The gate's own look at powers: rating, live limit, window of stored energy."""

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vpp.control.living.fakes import BEGIN, READS
from tests.vpp.control.living.gates import D1, gate_rig
from tests.vpp.control.living.small_city import (
    batch,
    battery,
    battery_facts,
    city_of,
    decide,
    device_of,
    point,
)
from vpp.control.inputs import Timing
from vpp.control.power_bounds import Abilities, Ability, beyond_energy, beyond_power
from vpp.control.state_table import StateTable
from vpp.domain.assets import Asset, Battery, EvCharger, Pv
from vpp.domain.command import WriteClass
from vpp.domain.devices import Authority, Carried
from vpp.domain.ids import AssetId, SiteId
from vpp.domain.points import Quantity
from vpp.domain.setpoint import Setpoint, ceiling, target

B1 = AssetId("b1")
STORE = Battery(
    id=B1, site=SiteId("s1"), capacity_kwh=20.0, charge_kw=10.0, discharge_kw=8.0,
    eta_charge=0.9, eta_discharge=0.9, soc_min=0.1, soc_max=0.9, reserve_soc=0.3,
)  # fmt: skip
SLACK_KW = 0.1


def able_of(asset: Asset, **now: Any) -> Ability:
    """By its rating, and what is said of now."""
    return Abilities({B1: asset}).of(B1, None)._replace(**now)


def hold(power_kw: float) -> Setpoint:
    return target(B1, power_kw, expires_s=60.0, owner="plan", reason="surplus")


@pytest.mark.parametrize(
    ("power_kw", "live_kw", "by"),
    [
        (10.0, math.inf, None),
        (10.2, math.inf, "nameplate"),
        (-8.0, math.inf, None),
        (-8.2, math.inf, "nameplate"),
        (-8.2, 9.0, "nameplate"),
        (3.05, 3.0, None),
        (3.2, 3.0, "live"),
        (-3.2, 3.0, "live"),
        (0.0, 0.0, None),
    ],
)
def test_a_target_stays_inside_rating_and_live_limit_and_hears_which_was_the_tighter(
    power_kw: float, live_kw: float, by: str | None
) -> None:
    able = able_of(STORE, charge_kw=live_kw, discharge_kw=live_kw)
    beyond = beyond_power(hold(power_kw), able, SLACK_KW)
    if by is None:
        assert beyond is None
    else:
        assert str(beyond).endswith(f"by its {by} limit")


@pytest.mark.parametrize(("offer_kw", "fine"), [(11.0, True), (7.0, True), (12.0, False)])
def test_a_ceiling_above_the_live_limit_does_no_harm_above_the_rating_it_is_a_mistake(
    offer_kw: float, *, fine: bool
) -> None:
    car = EvCharger(id=B1, site=SiteId("s1"), max_kw=11.0)
    offer = ceiling(B1, offer_kw, producing=False, expires_s=60.0, owner="plan", reason="share")
    able = able_of(car, charge_kw=3.0)
    assert (beyond_power(offer, able, SLACK_KW) is None) is fine


def test_a_plant_is_held_back_down_to_nothing() -> None:
    plant = able_of(Pv(id=B1, site=SiteId("s1"), peak_kw=5.0, curtailable=True))
    for kept_kw in (0.0, 5.0):
        kept = ceiling(B1, kept_kw, producing=True, expires_s=60.0, owner="plan", reason="feeder")
        assert beyond_power(kept, plant, SLACK_KW) is None


@pytest.mark.parametrize(
    ("power_kw", "stored_kwh", "life_s", "fine"),
    [
        (10.0, (10.0, 10.0), 900.0, True),
        (10.0, (10.0, 17.0), 900.0, False),  # the upper end would pass 18 kWh
        (10.0, (10.0, 17.0), 60.0, True),
        (-8.0, (10.0, 10.0), 900.0, True),
        (-8.0, (6.5, 10.0), 900.0, False),  # the lower end would fall below the reserve of 6 kWh
        (-8.0, (6.5, 10.0), 60.0, True),
        (0.0, (19.0, 19.5), 900.0, True),  # too full already: nothing more goes in
        (-5.0, (19.0, 19.5), 900.0, True),
    ],
)
def test_the_worst_end_of_the_store_stays_in_its_window_for_the_life(
    power_kw: float, stored_kwh: tuple[float, float], life_s: float, *, fine: bool
) -> None:
    able = able_of(STORE, stored_kwh=stored_kwh, capacity_kwh=20.0)
    found = beyond_energy(hold(power_kw), able, life_s, slack_kw=0.0, protects=False)
    assert (found is None) is fine


def test_the_reserve_is_there_for_protections() -> None:
    able = able_of(STORE, stored_kwh=(6.0, 6.0), capacity_kwh=20.0)
    for protects in (False, True):
        found = beyond_energy(hold(-8.0), able, 600.0, slack_kw=0.0, protects=protects)
        assert (found is None) is protects


@given(
    power_kw=st.floats(-8.0, 10.0),
    soc=st.floats(0.0, 1.0),
    life_s=st.floats(10.0, 900.0),
    reported=st.floats(0.0, 20.0),
)
def test_what_passes_never_carries_either_reading_out_of_the_window(
    power_kw: float, soc: float, life_s: float, reported: float
) -> None:
    stored = (min(20 * soc, reported), max(20 * soc, reported))
    able = able_of(STORE, stored_kwh=stored, capacity_kwh=20.0)
    if beyond_energy(hold(power_kw), able, life_s, slack_kw=0.0, protects=False) is None:
        for start in stored:
            end = start + life_s / 3600 * (power_kw * 0.9 if power_kw > 0 else power_kw / 0.9)
            assert end <= max(18.0, start) + 0.1001
            assert end >= min(6.0, start) - 0.1001


def table_with(**said: float) -> StateTable:
    quantities = {Quantity(name): 0 for name in said}
    device = device_of("d1", Carried(subject=B1, reads=quantities, writes=True))
    portfolio = city_of([battery()], [device])
    table = StateTable(portfolio, {D1: battery_facts()}, Timing(), lambda _: Authority.AUTO)
    table.apply(batch("d1", {point("b1", Quantity(n)): v for n, v in said.items()}, at_s=0.0))
    return table


def test_ability_is_what_is_read_and_a_limit_holds_until_another_is_known() -> None:
    table = table_with(limit_charge_kw=4.0, soc=0.5, available_kwh=9.0, health=0.8)
    abilities = Abilities({B1: battery()})
    now = abilities.of(B1, table.freeze(1, BEGIN, 1.0))
    assert (now.charge_kw, now.discharge_kw) == (4.0, math.inf)
    assert now.stored_kwh == (8.0, 9.0)
    assert now.capacity_kwh == 16.0
    later = abilities.of(B1, table.freeze(2, BEGIN, 100.0))
    assert (later.charge_kw, later.stored_kwh) == (4.0, None)


@pytest.mark.virtual_time
async def test_the_gate_refuses_what_would_empty_the_store_within_its_life() -> None:
    async with gate_rig() as made:
        known = {point("b1", quantity): 0.0 for quantity in READS} | {
            point("b1", Quantity.SOC): 0.02
        }
        made.table.apply(batch("d1", known, at_s=0.0))
        made.table.freeze(1, BEGIN, 0.0)
        assert await made.rule_for(decide(-10.0, now_s=0.0, life_s=300.0)) == "energy"
        stop = decide(0.0, now_s=0.0, write_class=WriteClass.PROTECTION)
        made.gate.submit(stop)
        await asyncio.sleep(1)
    assert made.sent_kw == [0.0]
