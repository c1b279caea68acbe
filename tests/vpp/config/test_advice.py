"""What ``vpp check`` says of a file that is right: limits that nobody can hold as meant."""

from datetime import date

import pytest

from tests.vpp.config.sample import SAMPLE, spoilt
from vpp.config.advice import CURRENTS, advice
from vpp.config.city import load_city, read_city
from vpp.config.examples import example_city
from vpp.domain.errors import Mistake
from vpp.domain.ids import DeviceId, MeterId
from vpp.domain.points import Point, Quantity

BLOCK = "    rating_kw: {import: 80, export: 80}\n"
HUB = "  - id: hub\n    parent: north\n"
GRID = "      - meter: block-meter\n"
AMPERES = "    a_per_phase: 160\n"


def said(text: str) -> tuple[Mistake, ...]:
    return advice(read_city(text, "city.yaml"))


@pytest.mark.parametrize("name", ["city-20", "one-house"])
def test_of_the_example_cities_there_is_nothing_to_say(name: str) -> None:
    assert advice(load_city(example_city(name))) == ()


def test_a_tariff_without_prices_for_today_is_named_with_its_line() -> None:
    city = read_city(SAMPLE, "city.yaml")
    assert advice(city, today=date(2026, 6, 1)) == ()
    (note,) = advice(city, today=date(1999, 6, 1))
    assert note.path.startswith("tariffs[0]")
    assert note.line is not None
    assert "no prices for today, 1999-06-01" in note.problem


def test_amperes_that_a_meter_tells_are_held() -> None:
    assert said(spoilt((BLOCK, BLOCK + AMPERES))) == ()


def test_a_site_without_a_meter_is_named_with_line_and_remedy() -> None:
    text = spoilt((HUB, HUB + AMPERES))
    (note,) = said(text)
    assert note.path == "sites[1].a_per_phase"
    assert note.line is not None
    assert text.splitlines()[note.line - 1] == AMPERES.rstrip()
    assert "'hub' has no meter" in note.problem
    assert "current_l1_a, current_l2_a, current_l3_a" in note.remedy


@pytest.mark.parametrize("reads", ["{power_kw: 0}", "{power_kw: 0, current_l1_a: 0}"])
def test_a_meter_whose_currents_are_not_read_is_not_enough(reads: str) -> None:
    (note,) = said(spoilt((BLOCK, BLOCK + AMPERES), (GRID, f"{GRID}        reads: {reads}\n")))
    assert "no meter of 'block' tells the currents" in note.problem


def test_what_a_meter_really_tells_counts_more_than_its_entry() -> None:
    city = read_city(spoilt((BLOCK, BLOCK + AMPERES)), "city.yaml")
    power, *currents = (
        Point(subject=MeterId("block-meter"), quantity=one)
        for one in (Quantity.POWER_KW, *CURRENTS)
    )
    grid = DeviceId("block-grid")
    (note,) = advice(city, {grid: frozenset({power})})
    assert note.path == "sites[0].a_per_phase"
    assert advice(city, {grid: frozenset({power, *currents})}) == ()


def test_where_nothing_is_steered_there_is_nothing_to_say() -> None:
    text = spoilt((HUB, HUB + AMPERES)).replace("      - asset: hub-cp\n        writes: true\n", "")
    assert "hub-cp" in text
    unsteered = text.replace(
        "    kind: ev_charger\n    max_kw: 11\n", "    kind: load\n    max_kw: 11\n"
    )
    assert said(unsteered.replace("    carries:\ntariffs", "tariffs")) == ()


def test_amperes_above_the_pools_are_only_proved() -> None:
    city = "  - id: city\n"
    (note,) = said(SAMPLE.replace(city, city + AMPERES, 1))
    assert note.path == "nodes[0].a_per_phase"
    assert "rating_kva" in note.remedy
