"""Ratings that hold with the controller dead, summed by hand."""

import pytest

from tests.vpp.config.sample import SAMPLE, spoilt
from vpp.config.city import load_city, read_city
from vpp.config.examples import example_city
from vpp.config.proof import Case, Row, prove
from vpp.domain.network import Unit


def rows(text: str) -> dict[tuple[str, Case, Unit], Row]:
    found = prove(read_city(text, "f").portfolio)
    return {(row.node, row.case, row.unit): row for row in found}


def dark(text: str, node: str) -> Row:
    return rows(text)[node, Case.DARK, Unit.KW]


@pytest.mark.parametrize("name", ["city-20", "one-house"])
def test_the_example_cities_hold(name: str) -> None:
    found = prove(load_city(example_city(name)).portfolio)
    assert found
    assert [row for row in found if not row.holds] == []


def test_peak_load_and_guaranteed_charging_add_up_to_the_feeder() -> None:
    row = dark(SAMPLE, "north")
    assert dict(row.terms) == pytest.approx({"block": 40, "hub": 4.1})
    assert row.sum == pytest.approx(44.1)
    assert row.margin == pytest.approx(100 - 44.1)
    assert dict(dark(SAMPLE, "city").terms) == pytest.approx({"north": 44.1})


def test_an_autonomous_battery_may_charge_in_the_dark() -> None:
    text = spoilt(
        ("    profile: sunspec-ess\n", "    profile: sunspec-ess\n    safe: autonomous\n")
    )
    assert dark(text, "block").sum == pytest.approx(60)


@pytest.mark.parametrize(("safe", "taken"), [("zero", 0.0), ("floor", 4.1), ("autonomous", 11.0)])
def test_a_charger_takes_what_its_safe_state_allows(safe: str, taken: float) -> None:
    text = spoilt(("safe: floor", f"safe: {safe}"))
    assert dark(text, "north").sum == pytest.approx(40 + taken)


def test_a_rating_that_does_not_hold_shows_its_shortfall() -> None:
    row = dark(spoilt(("rating_kw: {import: 80, export: 80}", "rating_kw: {import: 39}")), "block")
    assert not row.holds
    assert row.margin == pytest.approx(-1)


def test_under_full_sun_every_roof_exports_and_nothing_takes() -> None:
    row = rows(SAMPLE)["block", Case.SUN, Unit.KW]
    assert row.terms == (("block-bat", 0.0), ("block-pv", 30.0), ("block-load", 0.0))
    assert row.rating == 80


@pytest.mark.parametrize(("factor", "holds"), [(1.0, True), (0.88, False)])
def test_an_apparent_power_is_proved_in_kva_with_its_terms(factor: float, holds: bool) -> None:
    kva = f"rating_kva: 46\n    power_factor: {factor}\n"
    text = spoilt(("    parent: city\n", f"    parent: city\n    {kva}"), (
        "    contract_kw: {import: 90}\n    rating_kw: {import: 100, export: 100}\n", ""
    ))  # fmt: skip
    row = rows(text)["north", Case.DARK, Unit.KVA]
    assert dict(row.terms) == pytest.approx({"block": 40 / factor, "hub": 4.1 / factor})
    assert (row.rating, row.holds) == (46, holds)
    sunny = rows(text)["north", Case.SUN, Unit.KVA]
    assert sunny.sum == pytest.approx(30 / factor)


def test_an_unknown_single_phase_counts_on_the_worst_one() -> None:
    text = spoilt(
        ("    parent: city\n", "    parent: city\n    a_per_phase: 200\n"),
        ("    max_kw: 40\n", "    max_kw: 22\n    phases: l2\n"),
        ("    max_kw: 11\n", "    max_kw: 11\n    phases: one_unknown\n    guaranteed_kw: 2.2\n"),
    )
    row = rows(text)["north", Case.DARK, Unit.A_PER_PHASE]
    assert dict(row.terms) == pytest.approx({"block": 100, "hub": 10})
    assert row.rating == 200
