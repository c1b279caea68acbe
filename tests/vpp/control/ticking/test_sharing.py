"""Hours left, levelled: unlike batteries reach what one battery of their sum could at best."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from vpp.control.inputs import Timing
from vpp.control.rows import Rows, tree
from vpp.control.sharing import Bounds, Fleet, own_first, share
from vpp.domain.arrays import Floats

ETA = 0.95
FLEETS = {
    "4 unlike": ((60.0, 8.0), (20.0, 20.0), (15.0, 5.0), (14.0, 14.0)),
    "4 unlike, other order": ((14.0, 14.0), (15.0, 5.0), (20.0, 20.0), (60.0, 8.0)),
}
STEP_S = 900.0


def week() -> Floats:
    """Net of a community, quarter hours.

    Sun of changing strength, a morning and an evening peak.
    """
    rng = np.random.default_rng(7)
    hour = np.arange(7 * 96) / 4 % 24
    sun = np.repeat(rng.uniform(0.3, 1.0, 7), 96) * np.clip(np.sin((hour - 6) / 12 * np.pi), 0, 1)
    evening = 14 * np.exp(-((hour - 20) ** 2) / 6) + 6 * np.exp(-((hour - 8) ** 2) / 3)
    return np.asarray(8 + evening - 45 * sun + rng.normal(0, 1, len(hour)))


def bound_kwh(net: Floats, fleet: tuple[tuple[float, float], ...]) -> float:
    """Least import that any control could reach, starting empty.

    Batteries act on surplus and deficit only.
    """
    slots, units, h = len(net), len(fleet), STEP_S / 3600
    eye, step = sparse.identity(slots), sparse.diags([1.0, -1.0], [0, -1], (slots, slots))
    many = sparse.identity(units)
    stored = sparse.hstack([
        sparse.kron(many, -ETA * h * eye), sparse.kron(many, h / ETA * eye),
        sparse.kron(many, step), sparse.csc_matrix((units * slots, slots)),
    ])  # fmt: skip
    balance = sparse.hstack([
        sparse.hstack([eye] * units), -sparse.hstack([eye] * units),
        sparse.csc_matrix((slots, units * slots)), -eye,
    ])  # fmt: skip
    power = np.repeat([kw for _, kw in fleet], slots)
    upper = np.concatenate(
        [power, power, np.repeat([k for k, _ in fleet], slots), np.full(slots, 1e6)]
    )
    cost = np.concatenate([np.zeros(3 * units * slots), np.full(slots, h)])
    found = linprog(  # type: ignore[call-overload]  # takes sparse matrices, its stubs do not say so
        cost, A_ub=balance, b_ub=-net, A_eq=stored, b_eq=np.zeros(units * slots),
        bounds=np.column_stack([np.zeros_like(upper), upper]), method="highs",
    )  # fmt: skip
    return float(found.fun)


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_unlike_batteries_reach_the_bound_of_the_community(
    fleet: tuple[tuple[float, float], ...],
) -> None:
    net = week()

    def load(now_s: float) -> Floats:
        slot = min(max(int((now_s - 1000.0) / STEP_S - 0.5), 0), len(net) - 1)
        return np.array([net[slot], 0, 0, 0])

    quarter = Timing(tick_s=STEP_S, life_s=STEP_S, freshness_s=5 * STEP_S, start_ramp_per_min=100.0)
    houses = [House(stores=[Store(kwh=kwh, kw=kw, dead_s=0.0)]) for kwh, kw in fleet]
    used = _import_kwh(Run(Plant(city=city(houses, timing=quarter), load=load, soc=0.0)), net, load)
    assert used <= 1.003 * bound_kwh(net, fleet)
    assert used < 0.97 * np.maximum(net, 0).sum() * STEP_S / 3600


def _import_kwh(run: Run, net: Floats, load: Callable[[float], Floats]) -> float:
    """Each tick sees the slot's residual first and acts for the whole of it, as a backtest does."""
    plant, total = run.plant, 0.0
    for slot in range(len(net)):
        plant.now_s = 1000.0 + slot * STEP_S + STEP_S / 2
        plant.history = [(plant.now_s, plant.nets(), plant.power.copy())]
        run.decide()
        aim = plant.landed()
        gain = np.where(aim > 0, aim * ETA, aim / ETA) * STEP_S / 3600
        assert (plant.energy + gain >= -1e-6).all()
        assert (plant.energy + gain <= plant.pool.capacity_kwh + 1e-6).all()
        plant.energy = np.where(plant.pool.battery, plant.energy + gain, 0.0)
        plant.power = aim
        total += max(float(load(plant.now_s).sum() + aim.sum()), 0.0) * STEP_S / 3600
    return total


def fleet(kwh: Floats, kw: Floats, soc: Floats, worth: Floats | None = None) -> Fleet:
    return Fleet(
        member=np.ones(len(kw), dtype=np.bool_), lo_kw=-kw, hi_kw=kw, fill_h=kwh * (1 - soc) / kw,
        empty_h=kwh * soc / kw, charge_kw=kw, discharge_kw=kw, worth=worth,
    )  # fmt: skip


def rows(*site_of: int) -> Rows:
    sites = max(site_of) + 1
    return tree(
        ["pool", *(f"site{s}" for s in range(sites))], [-1] + [0] * sites,
        [1 + s for s in site_of], [(np.inf, np.inf)] * (1 + sites),
    )  # fmt: skip


def free(of: Rows) -> Bounds:
    return Bounds(least_kw=np.full(len(of), -np.inf), most_kw=np.full(len(of), np.inf))


def test_surplus_goes_to_the_one_with_most_hours_to_fill() -> None:
    of = rows(0, 1)
    two = fleet(np.array([40.0, 10.0]), np.array([5.0, 5.0]), np.array([0.5, 0.5]))
    assert share(5.0, two, of, free(of)) == pytest.approx([5.0, 0.0], abs=1e-6)
    assert share(-5.0, two, of, free(of)) == pytest.approx([-5.0, 0.0], abs=1e-6)


def test_equal_hours_share_by_power() -> None:
    of = rows(0, 1)
    two = fleet(np.array([40.0, 10.0]), np.array([20.0, 5.0]), np.array([0.5, 0.5]))
    assert share(10.0, two, of, free(of)) == pytest.approx([8.0, 2.0], abs=1e-6)


def test_worth_comes_before_hours() -> None:
    of = rows(0, 1)
    two = fleet(
        np.array([40.0, 10.0]), np.array([5.0, 5.0]), np.array([0.5, 0.5]), np.array([1.0, 2.0])
    )
    assert share(5.0, two, of, free(of)) == pytest.approx([0.0, 5.0], abs=1e-6)
    assert share(-5.0, two, of, free(of)) == pytest.approx([-5.0, 0.0], abs=1e-6)


def test_where_exchange_costs_a_site_serves_itself_first() -> None:
    of = rows(0, 1)
    two = fleet(np.array([40.0, 10.0]), np.array([5.0, 5.0]), np.array([0.5, 0.5]))
    own = np.array([np.nan, 1.0, 3.0])
    assert own_first(4.0, two, of, free(of), own) == pytest.approx([1.0, 3.0], abs=1e-5)
    assert own_first(6.0, two, of, free(of), own) == pytest.approx([3.0, 3.0], abs=1e-5)
    assert own_first(-4.0, two, of, free(of), own) == pytest.approx([-4.0, 0.0], abs=1e-5)


def test_what_a_site_cannot_take_goes_to_another() -> None:
    of = rows(0, 0, 1)
    three = fleet(np.array([40.0, 40, 10]), np.full(3, 5.0), np.full(3, 0.5))
    bounds = Bounds(least_kw=np.full(3, -np.inf), most_kw=np.array([np.inf, 3.0, np.inf]))
    kw = share(8.0, three, of, bounds)
    assert kw[:2].sum() == pytest.approx(3.0, abs=1e-5)
    assert kw[2] == pytest.approx(5.0, abs=1e-5)


def test_a_site_forced_to_discharge_does_not_charge_another() -> None:
    of = rows(0, 1)
    two = fleet(np.array([40.0, 40]), np.full(2, 5.0), np.full(2, 0.5))
    bounds = Bounds(least_kw=np.full(3, -np.inf), most_kw=np.array([np.inf, -4.0, np.inf]))
    assert share(0.0, two, of, bounds) == pytest.approx([-4.0, 0.0], abs=1e-5)


@given(
    want=st.floats(-60, 60),
    soc=st.lists(st.floats(0, 1), min_size=6, max_size=6),
    caps=st.lists(st.floats(0, 30), min_size=3, max_size=3),
)
def test_shares_keep_ranges_rows_and_one_sign(
    want: float, soc: list[float], caps: list[float]
) -> None:
    of = rows(0, 0, 1, 1, 2, 2)
    six = fleet(np.array([10.0, 20, 30, 40, 50, 60]), np.full(6, 10.0), np.array(soc))
    most = np.array([np.inf, *caps])
    kw = share(want, six, of, Bounds(least_kw=-most, most_kw=most))
    assert (np.abs(kw) <= 10 + 1e-6).all()
    assert (kw * want >= -1e-6).all()
    assert (np.abs(of.sums(kw)) <= most + 1e-4).all()
    reachable = sum(min(20.0, cap) for cap in caps)
    assert kw.sum() == pytest.approx(np.sign(want) * min(abs(want), reachable), abs=1e-3)
