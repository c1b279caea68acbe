"""A market whose prices are below zero at noon, from its file to what the tick does."""

from pathlib import Path

import numpy as np

from optimizer.planner import LpPlanner
from tests.vpp.control.planning.cities import NOON, TWO_SITES, forecast, snapshot
from vpp.config.city import load_city
from vpp.control.billing import Billing
from vpp.control.planning_outlook import Outlook
from vpp.control.problems import build
from vpp.control.serving import Slot, Store, serve
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.plan import Plan
from vpp.domain.plan_check import broken_rules
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.problem import Problem
from vpp.domain.slots import SlotGrid

POOL, BATTERY = PoolId("street"), AssetId("home-bat")
GRID = SlotGrid.regular(NOON, count=32, step_s=900)
CHEAP = slice(4, 12)
"""13:00 to 15:00 in Seoul: a kWh is paid for being taken, and costs when it is given."""


def city(folder: Path) -> Portfolio:
    """The flat tariff of 100, with a market on top: -180 from 13 to 15 o'clock, else 20."""
    rows = [f"2026-07-15T{h:02}:00,{-180 if h in {13, 14} else 20}" for h in range(24)]
    exports = [f"{row},{-60 if '-180' in row else 0}" for row in rows]
    (folder / "market.csv").write_text(
        "start,import_per_kwh,export_per_kwh\n" + "\n".join(exports) + "\n", encoding="utf-8"
    )
    text = TWO_SITES.replace("order: local", "order: cost").replace(
        "  - id: flat\n", "  - id: flat\n    prices: {file: market.csv}\n"
    )
    (folder / "city.yaml").write_text(text, encoding="utf-8")
    return load_city(folder / "city.yaml").portfolio


def planned(folder: Path) -> tuple[Problem, Plan]:
    flows = [
        forecast("home", Quantity.POWER_KW, GRID, 2.0, 0.2),
        forecast("shop", Quantity.POWER_KW, GRID, 1.0, 0.2),
        forecast("home", Quantity.AVAILABLE_KW, GRID, 6.0, 0.5),
    ]
    outlook = Outlook(
        snapshot=snapshot(city(folder), {BATTERY: {Quantity.SOC: 0.3}}),
        grid=GRID,
        forecasts={(one.subject, one.quantity): one for one in flows},
        writable=frozenset({BATTERY, AssetId("home-pv")}),
        billing=Billing(peak_paid_kw=40.0),
    )
    problem = build(city(folder), POOL, outlook)
    return problem, LpPlanner().plan(problem)


def test_the_plan_takes_while_it_is_paid_to_and_gives_nothing_away(tmp_path: Path) -> None:
    problem, plan = planned(tmp_path)
    assert problem.prices.import_per_kwh[CHEAP].tolist() == [-80.0] * 8
    assert problem.prices.export_per_kwh[CHEAP].tolist() == [-50.0] * 8
    assert broken_rules(plan, problem) == []
    net_kw, sun_kw = plan.schedule.grid_kw, plan.schedule.of(AssetId("home-pv"))
    assert (net_kw[CHEAP] >= -1e-6).all()
    np.testing.assert_allclose(sun_kw[CHEAP], 0.0, atol=1e-6)
    assert plan.schedule.of(BATTERY)[CHEAP].sum() > 0.0
    assert (plan.schedule.of(BATTERY)[:4] <= 1e-6).all()


def test_the_tick_fills_the_storage_from_the_grid_while_it_is_paid_to(tmp_path: Path) -> None:
    _, plan = planned(tmp_path)
    store = Store(energy_kwh=2.0, lo_kw=-5.0, hi_kw=4.0, eta_charge=0.95, eta_discharge=0.95)

    def served_kw(slot: int, net_kw: float) -> float:
        now = Slot(index=slot, hours_left=0.25, part_left=1.0, mean_so_far_kw=0.0, before_kw=net_kw)
        return serve(net_kw, store, now, plan.curve, plan.costs).power_kw

    assert served_kw(CHEAP.start, 3.0) == 4.0
    assert served_kw(0, 3.0) <= 0.0
