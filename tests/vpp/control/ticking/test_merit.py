"""Unlike storages: the best take the surplus, and whatever comes under the ceiling is still taken.

What later surplus is taken after a share by merit is held against a maximum flow, solved apart.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from tests.vpp.control.ticking.test_sharing import fleet, free, rows
from vpp.control.merit import HOURS_STEP, Coming, best_first
from vpp.control.sharing import Fleet, share
from vpp.domain.arrays import Floats

QUARTER_H = 0.25
DAY = 96
EDGES_S: Floats = QUARTER_H * 3600.0 * np.arange(DAY + 1, dtype=np.float64)
GOOD, POOR = 0.94, 0.8


def coming(surplus_kw: Floats, deficit_kw: float = 100.0) -> Coming:
    """A ceiling of surplus from now on, then a long deficit."""
    net = np.concatenate([-surplus_kw, np.full(DAY - len(surplus_kw), deficit_kw)])
    return Coming.of(net, EDGES_S)


def shared(want_kw: float, of: Fleet, merit: Floats, what: Coming | None) -> Floats:
    tree = rows(*range(len(merit)))
    return best_first(want_kw, of, tree, free(tree), merit, what)


TWO = fleet(np.array([40.0, 40.0]), np.array([10.0, 10.0]), np.array([0.5, 0.5]))
UNLIKE = np.array([POOR, GOOD])


def test_the_better_takes_all_where_the_rest_of_the_surplus_still_fits() -> None:
    assert shared(6.0, TWO, UNLIKE, coming(np.full(4, 6.0))) == pytest.approx([0, 6], abs=1e-6)


def test_hours_left_decide_where_all_power_will_be_needed_until_both_are_full() -> None:
    fuller = fleet(np.array([40.0, 40.0]), np.array([10.0, 10.0]), np.array([0.5, 0.6]))
    full_power = coming(np.full(16, 30.0))
    assert shared(6.0, fuller, UNLIKE, full_power) == pytest.approx([6, 0], abs=1e-5)


def test_hours_left_decide_deficits_and_where_nothing_is_foreseen() -> None:
    later = coming(np.full(4, 6.0))
    assert shared(-6.0, TWO, UNLIKE, later) == pytest.approx([-3, -3], abs=1e-6)
    assert shared(6.0, TWO, UNLIKE, None) == pytest.approx([3, 3], abs=1e-6)


def test_hours_left_decide_where_the_night_could_not_empty_the_better_one() -> None:
    low = fleet(np.array([40.0, 40.0]), np.array([4.0, 4.0]), np.array([0.0, 0.3]))
    night = np.concatenate([np.full(4, -4.0), np.full(12, 8.0), np.zeros(DAY - 16)])
    what = Coming.of(night, EDGES_S)
    by_hours = shared(4.0, low, UNLIKE, None)
    assert shared(4.0, low, UNLIKE, what) == pytest.approx(by_hours, abs=1e-6)
    assert shared(4.0, low, UNLIKE, coming(np.full(4, 4.0))) == pytest.approx([0, 4], abs=1e-6)


def test_a_site_at_its_limit_passes_the_rest_to_the_next() -> None:
    tree = rows(0, 1)
    bounds = free(tree)
    bounds.most_kw[2] = 2.0
    kw = best_first(6.0, TWO, tree, bounds, UNLIKE, coming(np.full(4, 6.0)))
    assert kw == pytest.approx([4.0, 2.0], abs=1e-5)


def most_taken_kwh(of: Fleet, given_kw: Floats, surplus_kw: Floats) -> float:
    """Maximum flow from the slots into the rooms that are left."""
    units, slots = len(given_kw), len(surplus_kw)
    room = of.charge_kw * of.fill_h - given_kw * QUARTER_H
    per_slot = np.kron(np.eye(slots), np.ones(units))
    per_unit = np.kron(np.ones(slots), np.eye(units))
    found = linprog(
        -np.ones(units * slots),
        A_ub=np.vstack([per_slot, per_unit]),
        b_ub=np.concatenate([surplus_kw * QUARTER_H, np.maximum(room, 0.0)]),
        bounds=[(0.0, float(kw) * QUARTER_H) for kw in np.tile(of.charge_kw, slots)],
        method="highs",
    )
    assert found.fun is not None
    return -float(found.fun)


UNITS = 4
SHARES = st.floats(0.0, 1.0)


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    def each(of: st.SearchStrategy[float]) -> Floats:
        return np.array(draw(st.lists(of, min_size=UNITS, max_size=UNITS)))

    power = each(st.floats(2.0, 20.0))
    return fleet(power * each(st.floats(0.3, 6.0)), power, each(SHARES))


@given(
    of=fleets(),
    merit=st.lists(st.floats(0.75, 0.97), min_size=UNITS, max_size=UNITS),
    want=SHARES,
    ceiling=st.lists(SHARES, min_size=1, max_size=12),
    actual=st.lists(SHARES, min_size=12, max_size=12),
)
def test_no_surplus_under_the_ceiling_is_lost_by_merit(
    of: Fleet,
    merit: list[float],
    want: float,
    ceiling: list[float],
    actual: list[float],
) -> None:
    power = of.charge_kw
    most = 1.2 * power.sum() * np.array(ceiling)
    comes = most * np.array(actual[: len(most)])
    wanted = want * float(power.sum())
    tree = rows(*range(UNITS))
    by_hours = share(wanted, of, tree, free(tree))
    by_merit = shared(wanted, of, np.array(merit), coming(most, deficit_kw=1000.0))
    assert by_merit.sum() == pytest.approx(by_hours.sum(), abs=1e-4)
    step_kwh = HOURS_STEP * power.sum()
    room_kw = power * of.fill_h / QUARTER_H
    kept_by_merit, kept_by_hours = (np.minimum(kw, room_kw) for kw in (by_merit, by_hours))
    assert kept_by_merit @ merit >= kept_by_hours @ merit - 1e-4 - 0.01 * by_hours.sum()
    assert most_taken_kwh(of, by_merit, comes) >= most_taken_kwh(of, by_hours, comes) - step_kwh
