"""The dynamic programme against a linear program, and what holds for every curve."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from optimizer.value.bucket import Bucket
from optimizer.value.grid_axis import grid_axis
from optimizer.value.programme import EARLY_PER_H, Programme
from optimizer.value.steps import Steps
from tests.thoroughness import examples
from vpp.domain.arrays import Floats
from vpp.domain.curve import SlotCosts


def random_programme(seed: int, *, levels: int = 21, errors: int = 5) -> Programme:
    """A day in hours, with the sun on some of them; everything is drawn."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 16))
    bucket = Bucket(
        capacity_kwh=float(rng.uniform(5.0, 60.0)),
        charge_kw=float(rng.uniform(2.0, 20.0)),
        discharge_kw=float(rng.uniform(2.0, 20.0)),
        eta_charge=float(rng.uniform(0.85, 0.99)),
        eta_discharge=float(rng.uniform(0.85, 0.99)),
    )
    net_kw = rng.uniform(1.0, 20.0, count) - 30.0 * rng.random(count) * (rng.random(count) < 0.4)
    side = rng.choice([0.0, 1.0], 3)
    steps = Steps(
        end=np.arange(count) + 1,
        hours=rng.choice([0.25, 0.5, 1.0], count),
        net_kw=net_kw,
        spread_kw=rng.uniform(0.0, 5.0, count),
        import_kw=np.full(count, np.inf),
        export_kw=np.full(count, np.inf),
        costs=SlotCosts(
            unit="kWh of import",
            import_weight=rng.uniform(0.5, 2.0, count) if rng.random() < 0.5 else np.ones(count),
            export_weight=np.zeros(count),
            flatten=np.full(count, 0.001 * side[0]),
            peak_threshold_kw=np.full(count, rng.uniform(5.0, 25.0)),
            peak_weight=np.full(count, 5.0 * side[1]),
            ramp_weight=np.full(count, 0.05 * side[2]),
        ),
    )
    worth = 0.5 * float(steps.costs.import_weight.min())
    return Programme(
        steps=steps,
        bucket=bucket,
        axis_kw=grid_axis(steps, bucket, float("nan")),
        levels=levels,
        errors=errors,
        correlation=0.9,
        left=-worth * np.linspace(0.0, bucket.capacity_kwh, levels),
    )


def least_cost(programme: Programme, energy_kwh: float, before_kw: float) -> float:
    """Optimum of the same problem without errors, from after the first step, as a linear program.

    Columns by step: charge, discharge, import, export, peak, ramp up, ramp down; the last is the
    energy left.
    """
    steps, bucket = programme.steps, programme.bucket
    rest = range(1, len(steps))
    count, width = len(rest), 7
    columns = width * count + 1
    cost, upper, energy = np.zeros(columns), np.full(columns, np.inf), np.zeros(columns)
    rows: list[Floats] = []
    sides: list[float] = []
    floor, room = [], []
    for at, step in enumerate(rest):
        charge, discharge, taken, given, peak, up, down = width * at + np.arange(width)
        hours = steps.hours[step]
        cost[taken] = hours * steps.costs.import_weight[step]
        cost[peak] = hours * steps.costs.peak_weight[step]
        cost[[up, down]] = steps.costs.ramp_weight[step]
        upper[charge], upper[discharge] = bucket.charge_kw, bucket.discharge_kw
        balance = np.zeros(columns)
        balance[[taken, given, charge, discharge]] = 1.0, -1.0, -1.0, 1.0
        rows.append(balance)
        sides.append(steps.net_kw[step])
        ramp = np.zeros(columns)
        ramp[[taken, given, up, down]] = 1.0, -1.0, -1.0, 1.0
        if at:
            ramp[[taken - width, given - width]] = -1.0, 1.0
        rows.append(ramp)
        sides.append(0.0 if at else before_kw)
        energy = energy.copy()
        energy[charge] = hours * bucket.eta_charge
        energy[discharge] = -hours / bucket.eta_discharge
        over = np.zeros(columns)
        over[[taken, peak]] = 1.0, -1.0
        floor += [(-energy, energy_kwh), (over, steps.costs.peak_threshold_kw[step])]
        room.append((energy, bucket.capacity_kwh - energy_kwh))
    left = energy.copy()
    left[-1] = -1.0
    rows.append(left)
    sides.append(-energy_kwh)
    cost[-1] = (programme.left[-1] - programme.left[0]) / bucket.capacity_kwh
    below, limits = zip(*floor, *room, strict=True)
    found = linprog(
        cost,
        A_ub=np.array(below),
        b_ub=np.array(limits),
        A_eq=np.array(rows),
        b_eq=np.array(sides),
        bounds=list(zip(np.zeros(columns), upper, strict=True)),
    )
    assert found.status == 0, found.message
    return float(found.fun or 0.0)


@settings(max_examples=examples(10))
@given(seed=st.integers(0, 10_000), part=st.floats(0.0, 1.0), before=st.floats(0.0, 1.0))
def test_without_errors_it_is_the_linear_program(seed: int, part: float, before: float) -> None:
    drawn = random_programme(seed, levels=41, errors=3)
    none = np.zeros(len(drawn.steps))
    sure = replace(drawn.steps, spread_kw=none, costs=replace(drawn.steps.costs, flatten=none))
    fine = np.union1d(drawn.axis_kw, np.linspace(drawn.axis_kw[0], drawn.axis_kw[-1], 81))
    programme = replace(drawn, steps=sure, axis_kw=fine)
    level = round(part * 40)
    point = round(before * (len(fine) - 1))
    value = float(programme.solve()[0, point, level])
    least = least_cost(programme, float(programme.energy_kwh[level]), float(fine[point]))
    scale = 1.0 + abs(least) + float(programme.energy_kwh[-1])
    early = EARLY_PER_H * float(drawn.steps.hours.sum())
    assert least - (early + 1e-6) * scale <= value <= least + 0.04 * scale


@settings(max_examples=examples(40))
@given(seed=st.integers(0, 10_000))
def test_later_cost_is_finite(seed: int) -> None:
    found = random_programme(seed).solve()
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 1e9


@pytest.mark.parametrize("seed", range(6))
def test_what_is_uncertain_costs_more(seed: int) -> None:
    """Jensen: the cost is convex in the net, and the error's mean is 0."""
    drawn = random_programme(seed)
    sure = replace(drawn, steps=replace(drawn.steps, spread_kw=np.zeros(len(drawn.steps))))
    wide = replace(
        drawn,
        steps=replace(drawn.steps, spread_kw=np.full(len(drawn.steps), 8.0)),
        axis_kw=sure.axis_kw,
    )
    gap = wide.solve()[0] - sure.solve()[0]
    assert gap.mean() > 0.0
    assert gap.min() > -0.02 * np.ptp(sure.solve()[0])
