import json
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from vpp.cli.plan_json import plain_plan
from vpp.domain.curve import SlotCosts, ValueCurve
from vpp.domain.ids import AssetId, NodeId, PoolId
from vpp.domain.order import Order
from vpp.domain.plan import (
    Band,
    Binding,
    Certificate,
    Corridor,
    Envelope,
    Explanation,
    ForecastNote,
    Plan,
    Schedule,
    Slack,
    StageValue,
    Stock,
)
from vpp.domain.slots import SlotGrid

REFERENCE = Path(__file__).parents[3] / "docs/reference/plan.md"
START = datetime(2026, 7, 15, 3, tzinfo=UTC)
GRID = SlotGrid.regular(START, count=2, step_s=1800)
BATTERY, CAR = AssetId("bat"), AssetId("car")

WHOLE = Plan(
    pool=PoolId("the pool"),
    grid=GRID,
    issued_at=datetime(2026, 7, 15, 2, 59, tzinfo=UTC),
    order=Order.COST,
    curve=ValueCurve(
        grid=GRID,
        energy_kwh=np.array([0.25, 101.0]),
        grid_kw=np.array([-102.0, 103.0]),
        cost=np.arange(104.0, 112.0).reshape(2, 2, 2),
    ),
    costs=SlotCosts(
        unit="KRW",
        import_weight=np.array([210.0, 211.0]),
        export_weight=np.array([112.0, 113.0]),
        flatten=np.array([114.0, 115.0]),
        peak_threshold_kw=np.array([116.0, np.inf]),
        peak_weight=np.array([117.0, 118.0]),
        ramp_weight=np.array([119.0, 120.0]),
    ),
    bands=(Band(node=NodeId("feeder"), lo_kw=np.full(2, -np.inf), hi_kw=np.array([121.0, 122.0])),),
    corridors=(
        Corridor(asset=BATTERY, lo_kwh=np.array([123.0, 124.0]), hi_kwh=np.array([125.0, 126.0])),
    ),
    envelopes=(
        Envelope(
            asset=CAR,
            appointment="a session",
            least_kwh=np.array([127.0, 128.0]),
            most_kwh=np.array([129.0, 130.0]),
            worth=131.0,
        ),
    ),
    share_worth=np.array([[132.0, 133.0]]),
    share_assets=(AssetId("shared bat"),),
    least_net_kw=np.array([-134.0, -135.0]),
    schedule=Schedule(
        assets=(BATTERY, CAR),
        power_kw=np.array([[136.0, 137.0], [138.0, 139.0]]),
        energy_kwh=np.array([[140.0, 141.0], [np.nan, np.nan]]),
        grid_kw=np.array([142.0, 143.0]),
        stocks=(
            Stock(
                store=AssetId("tank"),
                unit="kg",
                content=np.array([154.0, 155.0]),
                served=np.array([156.0, 157.0]),
            ),
        ),
    ),
    explanation=Explanation(
        planner="a planner",
        cause="a cause",
        stages=(StageValue(stage="S1", value=144.0, unit="kWh of import"),),
        slacks=(
            Slack(
                what="a car",
                amount=145.0,
                unit="kWh",
                limited_by="a limit",
                dual=146.0,
                first_slot=147,
                last_slot=148,
            ),
        ),
        bindings=(
            Binding(
                node=NodeId("a bound node"),
                limit="a limit that is kept",
                stage="a stage",
                dual=154.0,
                unit="a unit",
                first_slot=155,
                last_slot=156,
            ),
        ),
        certificate=Certificate(max_violation=149.0, overlaps=150, repaired=151),
        forecasts=(
            ForecastNote(
                subject="a site",
                source="a forecaster",
                issued_at=datetime(2026, 7, 15, 1, tzinfo=UTC),
                input_age_s=152.0,
            ),
        ),
        notes=("a note",),
        solve_cpu_s=153.0,
    ),
)


def held(value: Any) -> Iterator[object]:
    """What a value consists of; an array, an instant or a grid as JSON has it."""
    if isinstance(value, SlotGrid):
        yield from (start.isoformat() for start in value.starts)
        yield from value.hours.tolist()
    elif is_dataclass(value):
        for field in fields(value):
            one = getattr(value, field.name)
            assert field.default is MISSING or one is not field.default, f"say {field.name}"
            yield from held(one)
    elif isinstance(value, np.ndarray):
        yield from (float(x) if np.isfinite(x) else None for x in value.ravel())
    elif isinstance(value, tuple):
        assert value, "say something of everything"
        for one in value:
            yield from held(one)
    else:
        yield value.isoformat() if isinstance(value, datetime) else value


def said(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from said(one)
    elif isinstance(value, list):
        for one in value:
            yield from said(one)
    else:
        yield value


def test_every_field_of_a_plan_is_in_its_json() -> None:
    there = set(said(json.loads(json.dumps(plain_plan(WHOLE), allow_nan=False))))
    missing = [one for one in held(WHOLE) if one not in there]
    assert missing == []


def test_the_reference_names_every_key_of_a_plan() -> None:
    text = REFERENCE.read_text()
    made = plain_plan(WHOLE)
    keys = {*made, *made["value_curve"], *made["slot_costs"], *made["certificate"]}
    keys |= {*made["bands"]["feeder"], *made["corridors"]["bat"], *made["envelopes"][0]}
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


def test_what_a_plan_does_not_have_is_null() -> None:
    least = Plan(
        pool=WHOLE.pool,
        grid=GRID,
        issued_at=START,
        order=Order.LOCAL,
        curve=WHOLE.curve,
        costs=WHOLE.costs,
        schedule=WHOLE.schedule,
    )
    made = plain_plan(least)
    assert [made[k] for k in ("share_worth_per_kwh", "least_net_kw", "certificate")] == [None] * 3
    assert made["slot_costs"]["peak_threshold_kw"] == [116.0, None]
    assert made["value_curve"]["later_cost"] == [[[104, 105], [106, 107]], [[108, 109], [110, 111]]]
    assert made["stored_kwh"] == {"bat": [140.0, 141.0]}
