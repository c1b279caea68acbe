"""Cars that do not all fit take turns at their floor."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import proposal, session
from tests.vpp.control.ticking.test_phase_currents import Metered
from tests.vpp.control.ticking.weather import always
from vpp.control.car_turns import DWELL_S
from vpp.control.inputs import Timing
from vpp.control.lanes import lanes_of
from vpp.domain.arrays import Bools, Floats
from vpp.domain.asset import Phases
from vpp.domain.proposal import Rank, ScopeKind
from vpp.domain.session import EvSession

FLOOR, LOAD, TICK_S = 4.1, 2.0, 30.0
DWELL = int(DWELL_S / TICK_S)
"""Ticks."""
TURN_KWH = FLOOR * DWELL_S / 3600
TIMING = Timing(
    tick_s=TICK_S, freshness_s=150, refresh_s=60, life_s=450, write_interval_s=TICK_S,
    start_ramp_per_min=100.0,
)  # fmt: skip


def depot(cars: int, limit_kw: float = np.inf, **house: object) -> Run:
    """Stations at one site; whoever is there wants more than there is room for."""
    house_of = House(cars=[(FLOOR, 11.0)] * cars, rating_kw=limit_kw, **house)  # type: ignore[arg-type]
    return Run(Plant(city=city([house_of], timing=TIMING), load=always(LOAD)))


def plug(run: Run, cars: int, need_kwh: float | None, hours: float | None) -> None:
    for car in range(cars):
        session(run, f"car0-{car}", need_kwh, hours)


def told(run: Run) -> Floats:
    """What each car is told at every tick so far, shape (ticks, cars)."""
    cars = run.plant.pool.car
    return np.array([result.wanted_kw[cars] for result in run.results])


def capped(run: Run, limit_kw: float) -> None:
    cap = proposal("cap", ScopeKind.NODE, "node0", Rank.GRID_OPERATOR, hi_kw=limit_kw)
    run.proposals = (cap,)


def too_soon(on: Bools, room_kw: Floats) -> list[tuple[int, int]]:
    """Car and tick of every change within the dwell, but for stops that a limit forced."""
    found = []
    for car in range(on.shape[1]):
        changes = np.flatnonzero(np.diff(on[:, car].astype(int))) + 1
        for before, now in pairwise(changes):
            forced = on[now - 1, car] and on[now - 1].sum() * FLOOR > room_kw[now]
            if now - before < DWELL and not forced:
                found.append((car, int(now)))
    return found


LIMITS = st.lists(st.tuples(st.floats(0.0, 60.0), st.integers(1, 45)), min_size=2, max_size=8)
WANTS = st.sampled_from([(None, None), (40.0, 12.0), (20.0, 12.0)])


@settings(max_examples=examples(6), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(limits=LIMITS, wants=WANTS, cars=st.integers(2, 5))
def test_whatever_the_limits_no_car_toggles_faster_than_the_dwell_and_all_get_as_much(
    limits: list[tuple[float, int]], wants: tuple[float | None, float | None], cars: int
) -> None:
    run, held_to = depot(cars), list[float]()
    plug(run, cars, *wants)
    for limit_kw, ticks in limits:
        capped(run, limit_kw)
        run.ticks(ticks)
        held_to += [limit_kw] * ticks
    offered, room_kw = told(run), np.maximum(np.array(held_to) - LOAD, 0.0)
    assert (offered.sum(axis=1) <= room_kw + 1e-6).all()
    assert ((offered == 0) | (offered >= FLOOR - 1e-9)).all()
    assert too_soon(offered > 0, room_kw) == []
    assert np.ptp(run.plant.given_kwh[run.plant.pool.car]) <= 2 * TURN_KWH


@pytest.mark.parametrize("wants", [(None, None), (40.0, 8.0)])
def test_over_a_long_time_cars_alike_get_as_much_and_nearly_all_there_is(
    wants: tuple[float | None, float | None],
) -> None:
    hours = 4.0
    run = depot(5, limit_kw=LOAD + 2.5 * FLOOR)
    plug(run, 5, *wants)
    run.ticks(int(hours * 3600 / TICK_S))
    given_kwh = run.plant.given_kwh[run.plant.pool.car]
    assert np.ptp(given_kwh) <= 1.5 * TURN_KWH
    assert given_kwh.sum() >= 0.85 * 2.5 * FLOOR * hours
    assert np.ptp(told(run)[-2 * DWELL :], axis=0).max() > 0, "turns"


def test_who_leaves_takes_what_it_is_owed_along() -> None:
    run = depot(2, limit_kw=LOAD + FLOOR)
    plug(run, 2, None, None)
    run.ticks(DWELL - 1)
    owed = run.state.memory.carried_kwh
    late = int(np.argmax(owed))
    assert owed[late] > 0.5 * TURN_KWH / 2
    name = run.plant.pool.assets[late]
    run.plant.sessions[name] = EvSession(id="another", asset=name, arrival=run.plant.at)
    run.ticks(1)
    assert abs(run.state.memory.carried_kwh[late]) < 0.1 * TURN_KWH
    run.plant.sessions[name] = None
    run.ticks(1)
    assert run.state.memory.carried_kwh[late] == 0.0


def test_nothing_is_owed_to_a_car_that_is_full_and_its_turns_go_to_the_others() -> None:
    run = depot(2, limit_kw=LOAD + FLOOR + 1.0)
    plug(run, 2, 40.0, 8.0)
    session(run, "car0-0", need_kwh=1.0, hours=1.0)
    run.ticks(240)
    assert run.plant.given_kwh[1] >= 1.0
    assert run.state.memory.carried_kwh[1] == 0.0
    assert (told(run)[-4 * DWELL :, 1] > 0).all()


def test_a_car_of_a_station_with_few_starts_keeps_its_turn() -> None:
    run = depot(2, limit_kw=LOAD + FLOOR, car_starts=1)
    plug(run, 2, None, None)
    run.ticks(6 * DWELL)
    on = told(run)[2:] > 0
    assert on.any(axis=0).sum() == 1, "a start that is used up would be missing for all of the day"
    assert on.all(axis=0).sum() == 1


def test_a_car_that_plugs_in_gets_the_next_turn_and_not_less_than_the_others() -> None:
    run = depot(3, limit_kw=LOAD + FLOOR)
    plug(run, 2, None, None)
    run.ticks(4 * DWELL)
    session(run, "car0-2", None, None)
    run.ticks(4 * DWELL)
    assert (told(run)[-4 * DWELL :] > 0).any(axis=0).all()


def test_storage_helps_cars_through_their_turn_before_any_is_stopped_early() -> None:
    houses = [House(cars=[(FLOOR, 11.0)] * 2, stores=[Store(kw=10.0)], rating_kw=12.0)]
    levels = {"load": LOAD}
    run = Run(Plant(city=city(houses, timing=TIMING), load=lambda _: np.array([levels["load"]])))
    plug(run, 2, 40.0, 8.0)
    run.ticks(DWELL - 4)
    assert (told(run)[-1] > 0).all()
    levels["load"] = 10.0
    run.ticks(3)
    assert (told(run)[-1] > 0).all()
    assert run.plant.nets()[0] <= 12.0 + 1e-6


def test_cars_on_one_phase_take_turns_where_amperes_are_short() -> None:
    houses = [House(cars=[(1.4, 7.0)] * 3, amperes=16.0), House(load_kw=300.0)]
    of = city(houses, timing=TIMING, car_phases=Phases.L1)
    run = Run(Metered(city=of, load=always(0.0, -20.0), on_l1_kw=0.0))
    plug(run, 3, None, None)
    run.ticks(12 * DWELL)
    assert isinstance(run.plant, Metered)
    offered = told(run)[2 * DWELL :]
    assert (offered.sum(axis=1) / 0.23 <= 16.0 + 1e-6).all()
    assert (offered > 0).sum(axis=1).min() >= 1
    assert np.ptp(run.plant.given_kwh[run.plant.pool.car]) <= 2 * 1.4 * DWELL_S / 3600


def test_who_is_first_in_line_gets_all_it_asks_and_who_does_not_fit_lets_others_pass() -> None:
    pool = depot(4, limit_kw=10.0).plant.pool
    lanes, row = lanes_of(pool), pool.rows.asset_row[1]
    whole = np.where(pool.car, [0.0, 4.0, 7.0, 5.0, 2.0], 0.0)
    room = np.full(lanes.count, np.inf)
    room[row] = 10.0
    assert lanes.admitted(np.array([1, 2, 3, 4]), whole, room).tolist() == [
        False, True, False, True, False,
    ]  # fmt: skip
    room[row] = 11.0
    assert lanes.admitted(np.array([3, 2, 1, 4]), whole, room)[1:].tolist() == [
        True, False, True, True,
    ]  # fmt: skip


def test_owed_is_kept_over_a_gap_of_the_stations_link() -> None:
    run = depot(2, limit_kw=LOAD + FLOOR)
    plug(run, 2, None, None)
    run.ticks(DWELL - 1)
    owed = run.state.memory.carried_kwh.copy()
    run.plant.offline = {"car0-0", "car0-1"}
    run.ticks(3)
    assert run.state.memory.carried_kwh == pytest.approx(owed, abs=0.2 * TURN_KWH)


@pytest.mark.parametrize("need_kwh", [2.9, 6.0, 7.3, 8.0, 9.1])
def test_a_car_has_what_it_needs_when_it_leaves(need_kwh: float) -> None:
    run = depot(1)
    plug(run, 1, need_kwh, 4.0)
    run.ticks(int(4 * 3600 / TICK_S))
    (given_kwh,) = run.plant.given_kwh[run.plant.pool.car]
    assert need_kwh - FLOOR * 2 * TICK_S / 3600 <= given_kwh <= need_kwh + TURN_KWH
