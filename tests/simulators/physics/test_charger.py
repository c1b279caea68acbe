from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.physics.charger import ChargerUnit
from simulators.sessions import EvSession
from tests.simulators.sample import CHARGER

START = datetime(2026, 7, 15, 0, 0, tzinfo=UTC)


def car(
    arrives_s: float = 60, stays_s: float = 7200, energy_wh: float = 20_000, **changes: Any
) -> EvSession:
    arrival = START + timedelta(seconds=arrives_s)
    session = EvSession(
        id="car",
        charger="cp",
        arrival=arrival,
        departure=arrival + timedelta(seconds=stays_s),
        energy_wh=energy_wh,
        min_w=4140,
        max_w=11_000,
        phases=3,
        announces_departure=True,
        announces_need=False,
    )
    return replace(session, **changes)


def station(*cars: EvSession, safe: str = "floor") -> ChargerUnit:
    def upcoming(after: datetime) -> EvSession | None:
        return next((session for session in cars if session.departure > after), None)

    return ChargerUnit(replace(CHARGER, safe=safe), START, upcoming)


def test_a_car_comes_and_goes_at_its_time_and_says_what_it_announces() -> None:
    unit = station(car())
    there = {}
    for second in (59, 61, 7259, 7261):
        unit.advance(second)
        there[second] = unit.session
    assert [session is not None for session in there.values()] == [False, True, True, False]
    session = there[61]
    assert session is not None
    assert session.announced_departure == START + timedelta(seconds=7260)
    assert session.announced_need_wh is None
    assert unit.power_w == 0


@pytest.mark.parametrize(("safe", "power_w"), [("floor", 4140), ("zero", 0), ("autonomous", 11e3)])
def test_without_an_offer_the_station_is_in_its_safe_state(safe: str, power_w: float) -> None:
    unit = station(car(), safe=safe)
    unit.advance(120)
    assert unit.power_w == power_w


@pytest.mark.parametrize(
    ("safe", "power_w"), [("floor", 1380), ("zero", 0), ("autonomous", 11e3 / 3)]
)
def test_in_the_safe_state_a_car_on_one_phase_draws_the_current_of_one(
    safe: str, power_w: float
) -> None:
    unit = station(car(phases=1, min_w=1380, max_w=11e3 / 3), safe=safe)
    unit.advance(120)
    assert unit.power_w == pytest.approx(power_w)
    unit.offer(3000, 60)
    unit.advance(150)
    assert unit.power_w == pytest.approx(3000)
    unit.advance(200)
    assert unit.power_w == pytest.approx(power_w)


def test_an_offer_is_followed_within_five_seconds() -> None:
    unit = station(car())
    unit.advance(120)
    unit.offer(11_000, 600)
    unit.advance(125)
    assert unit.power_w == 11_000
    unit.offer(5000, 600)
    unit.advance(130)
    assert unit.power_w == 5000


def test_an_offer_below_the_floor_is_no_offer() -> None:
    unit = station(car())
    unit.offer(4100, 600)
    unit.advance(120)
    assert (unit.power_w, unit.offer_w) == (0, 4100)


def test_an_offer_lapses_to_the_safe_state() -> None:
    unit = station(car())
    unit.advance(100)
    unit.offer(9000, 60)
    unit.advance(150)
    assert (unit.power_w, unit.reversion_left_s) == (9000, 10)
    unit.advance(170)
    assert (unit.power_w, unit.offer_w, unit.reversion_left_s) == (4140, 4140, None)


def test_a_car_draws_no_more_than_its_own_charger() -> None:
    unit = station(car(max_w=3700, min_w=1380, phases=1))
    unit.offer(11_000, None)
    unit.advance(120)
    assert unit.power_w == 3700


def test_a_car_tapers_and_stops_when_content() -> None:
    unit = station(car(energy_wh=4000))
    unit.offer(11_000, None)
    unit.advance(60 + 1150)
    assert 1100 <= unit.power_w < 11_000
    unit.advance(60 + 5000)
    assert unit.power_w == 0
    assert unit.energy_wh == pytest.approx(4000)
    assert unit.session is not None


def test_a_car_that_was_there_before_has_been_charging() -> None:
    unit = station(car(arrives_s=-3600))
    assert unit.session is not None
    assert unit.session.delivered_wh == pytest.approx(11_000)
    assert unit.energy_wh == 0


@given(
    st.lists(st.tuples(st.floats(0, 12_000), st.floats(0.1, 900)), max_size=25),
    st.floats(500, 30_000),
)
def test_power_is_zero_or_above_the_floor_and_energy_within_the_need(
    offers: list[tuple[float, float]], energy_wh: float
) -> None:
    unit = station(car(arrives_s=0, energy_wh=energy_wh))
    delivered = 0.0
    for offer_w, seconds in offers:
        unit.offer(offer_w, 300)
        unit.advance(unit.now_s + seconds)
        assert 0 <= unit.power_w <= 11_000
        delivered = unit.energy_wh
        if seconds >= 10 and unit.power_w > 0 and unit.session and seconds < 300:
            assert unit.power_w <= max(offer_w, 0) + 1e-6
            assert offer_w >= 4140
    assert delivered <= energy_wh + 1e-6


def test_the_step_does_not_change_the_energy() -> None:
    energies = []
    for step_s in (0.5, 7.0, 60.0):
        unit = station(car(energy_wh=5000))
        unit.offer(8000, None)
        while unit.now_s < 1500:
            unit.advance(min(1500, unit.now_s + step_s))
        energies.append(unit.energy_wh)
    assert energies == pytest.approx([energies[0]] * 3, rel=0.005)
