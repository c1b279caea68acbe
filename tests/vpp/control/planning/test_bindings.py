"""Limits that a plan keeps and that cost it something."""

import pytest

from optimizer.planner import LpPlanner
from tests.vpp.control.planning.cities import NOON, TWO_SITES, forecast, snapshot
from vpp.config.city import read_city
from vpp.control.billing import Billing
from vpp.control.planning_outlook import Outlook
from vpp.control.problems import build
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.plan import Explanation
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid

GRID = SlotGrid.regular(NOON, count=24, step_s=900)
"""12:00 to 18:00 in Seoul."""
PRICED = TWO_SITES.replace("order: local", "order: cost").replace(
    "energy_per_kwh: {all: 100}", "energy_per_kwh: {all: 100, dear: 200}"
)


def planned(limit: str, load_kw: float, *changes: tuple[str, str]) -> Explanation:
    """A wednesday that is dear from 14 o'clock on, and a battery of 4 kW and 10 kWh."""
    text = PRICED.replace(
        'bands: {weekday: {all: "0-24"}', 'bands: {weekday: {all: "0-14", dear: "14-24"}'
    ).replace("contract_kw: {import: 40}", limit)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    city = read_city(text, "two.yaml").portfolio
    flows = [
        forecast("home", Quantity.POWER_KW, GRID, 0.0),
        forecast("shop", Quantity.POWER_KW, GRID, load_kw),
        forecast("home", Quantity.AVAILABLE_KW, GRID, 0.0),
    ]
    outlook = Outlook(
        snapshot=snapshot(city, {"home-bat": {Quantity.SOC: 0.2}}),
        grid=GRID,
        forecasts={(one.subject, one.quantity): one for one in flows},
        writable=frozenset({AssetId("home-bat")}),
        billing=Billing(peak_paid_kw=100.0),
    )
    return LpPlanner().plan(build(city, PoolId("street"), outlook)).explanation


def test_a_contract_that_keeps_cheap_energy_away_has_its_gain_per_kwh_and_its_hours() -> None:
    (found,) = planned("contract_kw: {import: 12}", 10.0).bindings
    assert (found.node, found.limit) == ("street", "import contract")
    assert (found.stage, found.unit) == ("S2 cost less what stays in store", "KRW per kWh")
    assert found.dual == pytest.approx(200 * 0.95**2 - 100, abs=0.5)
    assert (found.first_slot, found.last_slot) == (0, 7)


def test_limits_with_room_beneath_them_bind_nothing() -> None:
    assert planned("contract_kw: {import: 40}", 10.0).bindings == ()


def test_a_rating_binds_as_a_rating_and_inside_the_tree_too() -> None:
    home = "{id: home, parent: street, rating_kw: {import: 30, export: 20}}"
    (found,) = planned("contract_kw: {import: 40}", 10.0, (home, home.replace("30", "3"))).bindings
    assert (found.node, found.limit, found.last_slot) == ("home", "import rating", 7)


def test_an_export_that_is_forbidden_binds_where_it_would_earn() -> None:
    paid = ("export_per_kwh: 10", "export_per_kwh: 190")
    forbidden = ("export: 60}", "export: 0.001}")
    limits = "contract_kw: {import: 40}"
    found = planned(limits, 0.0, paid, forbidden).bindings
    assert ("street", "export rating") in {(one.node, one.limit) for one in found}
