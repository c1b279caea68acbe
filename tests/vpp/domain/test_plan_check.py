"""Every kind of garbage in a plan is found and named; a sound plan passes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from vpp.domain.arrays import Floats
from vpp.domain.curve import SlotCosts, surplus_rule_curve
from vpp.domain.ids import AssetId, NodeId, PoolId, SiteId
from vpp.domain.order import Goals, Order
from vpp.domain.plan import Band, Corridor, Envelope, Plan, Schedule
from vpp.domain.plan_check import broken_rules, flow_bounds, node_flows
from vpp.domain.problem import (
    Batteries,
    EvSessions,
    Nodes,
    Prices,
    Problem,
    PvPlants,
    SharedRating,
)
from vpp.domain.slots import SlotGrid

GRID = SlotGrid.regular(datetime(2026, 6, 1, tzinfo=UTC), count=4, step_s=3600.0)
CHARGE = np.array([2.0, 1.0, -1.0, 0.0])
ENERGY = np.array([6.8, 7.7, 6.45, 6.45])
SUN = np.array([0.0, -4.0, -4.0, 0.0])
CAR = np.array([3.0, 0.0, 0.0, 0.0])
LOAD = np.full(4, 2.0)


def problem(**changes: Any) -> Problem:
    """One site on a feeder under the pool's node: a battery (0.9, 0.8), a plant, a car."""
    limits = {"import_kw": 20.0, "export_kw": 10.0}
    rating = {name: np.full((2, 4), value) for name, value in limits.items()}
    fields: dict[str, Any] = {
        "pool": PoolId("pool"),
        "issued_at": GRID.start,
        "grid": GRID,
        "goals": Goals(),
        "sites": (SiteId("site"),),
        "site_node": np.array([1]),
        "nodes": Nodes(
            ids=(NodeId("grid"), NodeId("feeder")),
            parent=np.array([-1, 0]),
            contract_import_kw=np.full((2, 4), np.inf),
            contract_export_kw=np.full((2, 4), np.inf),
            **rating,
        ),
        "load_kw": LOAD[None],
        "batteries": Batteries(
            ids=(AssetId("battery"),),
            site=np.array([0]),
            **{
                name: np.array([value])
                for name, value in {
                    "capacity_kwh": 10.0,
                    "charge_kw": 3.0,
                    "discharge_kw": 3.0,
                    "eta_charge": 0.9,
                    "eta_discharge": 0.8,
                    "energy_kwh": 5.0,
                    "min_kwh": 1.0,
                    "max_kwh": 9.0,
                    "reserve_kwh": 1.0,
                    "wear_per_kwh": 0.0,
                }.items()
            },
        ),
        "pv": PvPlants(
            ids=(AssetId("pv"),),
            site=np.array([0]),
            available_kw=np.abs(SUN)[None],
            curtailable=(True,),
        ),
        "sessions": EvSessions(
            ids=("session",),
            assets=(AssetId("charger"),),
            site=np.array([0]),
            need_kwh=np.array([3.0]),
            max_kw=np.array([[4.0, 4.0, 0.0, 0.0]]),
            guaranteed_kw=np.array([[1.0, 0.0, 0.0, 0.0]]),
        ),
        "prices": Prices(
            import_per_kwh=np.ones(4), export_per_kwh=np.zeros(4), co2_kg_per_kwh=np.zeros(4)
        ),
    }
    return Problem(**(fields | changes))


def costs(**changes: Any) -> SlotCosts:
    fields = {
        name: np.zeros(4)
        for name in ("export_weight", "flatten", "peak_threshold_kw", "peak_weight", "ramp_weight")
    }
    return SlotCosts(unit="kWh of import", **({"import_weight": np.ones(4)} | fields | changes))


def schedule(
    charge: Floats = CHARGE, energy: Floats = ENERGY, sun: Floats = SUN, car: Floats = CAR
) -> Schedule:
    nothing = np.full(4, np.nan)
    return Schedule(
        assets=(AssetId("battery"), AssetId("pv"), AssetId("charger")),
        power_kw=np.stack([charge, sun, car]),
        energy_kwh=np.stack([energy, nothing, nothing]),
        grid_kw=LOAD + charge + sun + car,
    )


def plan(**changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "pool": PoolId("pool"),
        "grid": GRID,
        "issued_at": GRID.start,
        "order": Order.LOCAL,
        "curve": surplus_rule_curve(GRID, capacity_kwh=8.0),
        "costs": costs(),
        "bands": (Band(node=NodeId("grid"), lo_kw=np.full(4, -np.inf), hi_kw=np.full(4, 20.0)),),
        "corridors": (
            Corridor(asset=AssetId("battery"), lo_kwh=np.ones(4), hi_kwh=np.full(4, 9.0)),
        ),
        "envelopes": (
            Envelope(
                asset=AssetId("charger"),
                appointment="session",
                least_kwh=np.array([1.0, 3.0, 3.0, 3.0]),
                most_kwh=np.full(4, 3.0),
                worth=1.0,
            ),
        ),
        "schedule": schedule(),
    }
    return Plan(**(fields | changes))


def test_a_sound_plan_breaks_no_rule() -> None:
    assert broken_rules(plan(), problem()) == []


LATER = SlotGrid.regular(datetime(2026, 6, 2, tzinfo=UTC), count=4, step_s=3600.0)
BENT = replace(
    surplus_rule_curve(GRID, capacity_kwh=8.0),
    energy_kwh=np.array([0.0, 4.0, 8.0]),
    cost=np.tile(np.array([0.0, -1.0, -5.0]), (4, 1, 1)),
)
NAN = np.array([0.0, np.nan, 0.0, 0.0])
GARBAGE: dict[str, tuple[Callable[[], Plan], str]] = {
    "another pool": (lambda: plan(pool=PoolId("other")), "plan is for pool other"),
    "another order": (lambda: plan(order=Order.COST), "follows the order cost"),
    "another day": (lambda: plan(grid=LATER), "plan has 4 slots from 2026-06-02"),
    "curve of another day": (
        lambda: plan(curve=surplus_rule_curve(LATER, capacity_kwh=8.0)),
        "value curve stands on other slots",
    ),
    "curve that bends the wrong way": (lambda: plan(curve=BENT), "not convex in energy in slot 0"),
    "costs that are no number": (lambda: plan(costs=costs(flatten=NAN)), "flatten is not finite"),
    "costs of another horizon": (
        lambda: plan(
            costs=SlotCosts(
                unit="kWh",
                **{
                    name: np.ones(5)
                    for name in (
                        "import_weight",
                        "export_weight",
                        "flatten",
                        "peak_threshold_kw",
                        "peak_weight",
                        "ramp_weight",
                    )
                },
            )
        ),
        "import_weight has shape (5,)",
    ),
    "band of a foreign node": (
        lambda: plan(bands=(Band(node=NodeId("x"), lo_kw=-np.ones(4), hi_kw=np.ones(4)),)),
        "band for node x, which is not in the problem",
    ),
    "empty band": (
        lambda: plan(bands=(Band(node=NodeId("grid"), lo_kw=np.ones(4), hi_kw=np.zeros(4)),)),
        "band of node grid is empty in slot 0",
    ),
    "band that is no number": (
        lambda: plan(bands=(Band(node=NodeId("grid"), lo_kw=NAN, hi_kw=np.ones(4)),)),
        "band of node grid is not a number",
    ),
    "corridor without an end": (
        lambda: plan(
            corridors=(
                Corridor(asset=AssetId("battery"), lo_kwh=np.ones(4), hi_kwh=np.full(4, np.inf)),
            )
        ),
        "corridor of battery is not finite",
    ),
    "envelope that contradicts itself": (
        lambda: plan(
            envelopes=(replace(plan().envelopes[0], least_kwh=np.full(4, 9.0)),),
        ),
        "envelope of session at charger is empty in slot 0",
    ),
    "worth that is no number": (
        lambda: plan(envelopes=(replace(plan().envelopes[0], worth=float("nan")),)),
        "worth is nan",
    ),
    "share order of another shape": (
        lambda: plan(share_worth=np.ones((2, 4)), share_assets=(AssetId("battery"),)),
        "share order has shape (2, 4)",
    ),
    "least net that is no number": (
        lambda: plan(least_net_kw=np.full(4, np.nan)),
        "the least net has shape (4,), or is not finite",
    ),
    "an asset left out": (
        lambda: plan(
            schedule=Schedule(
                assets=(AssetId("battery"), AssetId("pv")),
                power_kw=np.stack([CHARGE, SUN]),
                energy_kwh=np.stack([ENERGY, np.full(4, np.nan)]),
                grid_kw=LOAD + CHARGE + SUN,
            )
        ),
        "leaves out charger",
    ),
    "a foreign asset": (
        lambda: plan(
            schedule=Schedule(
                assets=(*schedule().assets, AssetId("ghost")),
                power_kw=np.vstack([schedule().power_kw, np.zeros(4)]),
                energy_kwh=np.vstack([schedule().energy_kwh, np.zeros(4)]),
                grid_kw=schedule().grid_kw,
            )
        ),
        "names ghost, not in the problem",
    ),
    "stored energy that is no number": (
        lambda: plan(schedule=schedule(energy=NAN)),
        "stored energy of battery is not finite",
    ),
    "charge beyond the rating": (
        lambda: plan(schedule=schedule(charge=np.array([3.5, 0, 0, 0]), energy=np.full(4, 8.15))),
        "power of battery is 3.5 in slot 0, allowed -3 to 3 kW",
    ),
    "energy that its power does not give": (
        lambda: plan(schedule=schedule(energy=ENERGY + np.array([0, 0, 0.5, 0.5]))),
        "stored energy of battery is 6.95 in slot 2, allowed 6.45 to 6.45 kWh by its power",
    ),
    "energy beyond the window": (
        lambda: plan(
            schedule=schedule(
                charge=np.array([3.0, 3.0, 0.0, 0.0]), energy=np.array([7.7, 10.4, 10.4, 10.4])
            )
        ),
        "stored energy of battery is 10.4 in slot 1, allowed 1 to 9 kWh",
    ),
    "more sun than there is": (
        lambda: plan(schedule=schedule(sun=SUN - 1.0)),
        "PV use of pv is 1 in slot 0, allowed 0 to 0 kW",
    ),
    "a car charged after it left": (
        lambda: plan(schedule=schedule(car=np.array([1.0, 0, 2.0, 0]))),
        "power of charger is 2 in slot 2, allowed 0 to 0 kW",
    ),
    "less than is guaranteed": (
        lambda: plan(schedule=schedule(car=np.array([0.5, 2.5, 0, 0]))),
        "power of charger is 0.5 in slot 0, allowed 1 to 4 kW",
    ),
    "power that does not balance": (
        lambda: plan(schedule=replace(schedule(), grid_kw=schedule().grid_kw + 1.0)),
        "grid power of pool is 8 in slot 0, allowed 7 to 7 kW",
    ),
}


@pytest.mark.parametrize("kind", list(GARBAGE))
def test_garbage_is_found_and_named(kind: str) -> None:
    wrong, named = GARBAGE[kind]
    found = broken_rules(wrong(), problem())
    assert any(named in rule for rule in found), found


def limited(import_kw: float = 20.0, export_kw: float = 10.0) -> Nodes:
    return replace(
        problem().nodes,
        import_kw=np.array([np.full(4, 20.0), np.full(4, import_kw)]),
        export_kw=np.array([np.full(4, 10.0), np.full(4, export_kw)]),
    )


def test_a_rating_exceeded_beneath_the_pool_is_found() -> None:
    found = broken_rules(plan(), problem(nodes=limited(import_kw=5.0)))
    assert found == ["power through node feeder is 7 in slot 0, allowed -10 to 5 kW"]


def test_a_shared_rating_exceeded_is_found() -> None:
    rating = SharedRating(batteries=np.array([0]), pv=np.array([0]), in_kw=1.5, out_kw=4.5)
    found = broken_rules(plan(), problem(shared=(rating,)))
    assert found == ["shared rating of battery and pv is 2 in slot 0, allowed -4.5 to 1.5 kW"]


def test_pv_that_cannot_be_curtailed_must_be_used() -> None:
    plants = replace(problem().pv, curtailable=(False,))
    found = broken_rules(plan(schedule=schedule(sun=0.5 * SUN)), problem(pv=plants))
    assert found == ["PV use of pv is 2 in slot 1, allowed 4 to 4 kW"]


def test_a_rating_below_the_load_is_opened_to_the_load_and_no_further() -> None:
    tight = problem(nodes=limited(import_kw=1.0))
    lower, upper = flow_bounds(tight)
    assert list(upper[1]) == [3.0, 1.0, 1.0, 2.0]
    assert list(lower[1]) == [-10.0] * 4
    assert upper[0, 0] == 20.0


def test_a_rating_below_fixed_pv_is_opened_to_it_and_no_further() -> None:
    plants = replace(problem().pv, curtailable=(False,))
    lower, _ = flow_bounds(problem(pv=plants, nodes=limited(export_kw=1.0)))
    assert list(lower[1]) == [-1.0, -2.0, -2.0, -1.0]
    curtailable, _ = flow_bounds(problem(nodes=limited(export_kw=1.0)))
    assert list(curtailable[1]) == [-1.0] * 4


def test_a_battery_outside_its_window_may_rest_where_it_is() -> None:
    above = replace(problem().batteries, energy_kwh=np.array([9.5]))
    resting = plan(schedule=schedule(charge=np.zeros(4), energy=np.full(4, 9.5)))
    assert broken_rules(resting, problem(batteries=above)) == []


def test_flows_add_up_from_the_leaves() -> None:
    assert node_flows(problem(), np.ones((1, 4))).tolist() == [[1.0] * 4] * 2
