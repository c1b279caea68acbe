"""Planning a pool end to end, against what the solver alone needs for the same linear programs.

Arrays in, validated schedules out, all stages. Both figures are processor time of one run, so that
their ratio does not depend on the machine: the solver's is that of the native calls alone, taken
inside the same plan.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np

from optimizer.model.pool import build
from optimizer.planner import LpPlanner
from optimizer.solving.mathopt import MathOptSolver
from optimizer.solving.program import LinearProgram, Solution
from optimizer.stages.order import StagedSolver
from vpp.domain.arrays import Floats
from vpp.domain.ids import AssetId, NodeId, PoolId, SiteId
from vpp.domain.order import Goals, Order
from vpp.domain.plan_check import broken_rules
from vpp.domain.problem import Batteries, EvSessions, Nodes, Prices, Problem, PvPlants
from vpp.domain.slots import SlotGrid

BAR = 1.2
STEP_S = 900.0


def city(sites: int, slots: int, order: Order = Order.LOCAL, seed: int = 7) -> Problem:
    """Sites on feeders of some 20, each with a battery, 85 % with PV, two cars a day and site."""
    rng = np.random.default_rng(seed)
    grid = SlotGrid.regular(datetime(2026, 6, 1, tzinfo=UTC), count=slots, step_s=STEP_S)
    hour = np.arange(slots) * STEP_S / 3600.0 % 24.0
    base = rng.uniform(8.0, 50.0, sites)
    office = 0.35 + 0.9 * np.exp(-(((hour - 13.0) / 4.0) ** 2))
    home = 0.45 + 0.9 * np.exp(-(((hour - 19.5) / 2.4) ** 2))
    load = base[:, None] * np.where(rng.random((sites, 1)) < 0.6, office, home)
    load *= rng.uniform(0.85, 1.15, load.shape)
    sun = np.clip(np.sin((hour - 6.0) / 12.5 * np.pi), 0.0, None) * (hour < 18.5)
    roofs = np.flatnonzero(rng.random(sites) < 0.85)
    available = (rng.uniform(2.0, 8.0, len(roofs)) * base[roofs])[:, None] * sun
    available *= rng.uniform(0.6, 1.0, available.shape)
    capacity = rng.uniform(1.0, 4.0, sites) * base
    power = capacity * rng.uniform(0.25, 0.6, sites)
    feeders = max(1, sites // 20)
    sites_net = load.copy()
    sites_net[roofs] -= available
    net = np.stack([sites_net.sum(0), *(sites_net[f::feeders].sum(0) for f in range(feeders))])
    imports = np.repeat(1.1 * net.max(1, keepdims=True), slots, 1)
    exports = np.repeat(0.35 * np.maximum(-net.min(1, keepdims=True), 1.0), slots, 1)
    return Problem(
        pool=PoolId("city"),
        issued_at=grid.start,
        grid=grid,
        goals=Goals(order=order),
        sites=tuple(SiteId(f"site-{s}") for s in range(sites)),
        site_node=1 + np.arange(sites) % feeders,
        nodes=Nodes(
            ids=tuple(NodeId(f"node-{n}") for n in range(feeders + 1)),
            parent=np.array([-1] + [0] * feeders),
            import_kw=imports,
            export_kw=exports,
            contract_import_kw=np.full(imports.shape, np.inf),
            contract_export_kw=np.full(imports.shape, np.inf),
        ),
        load_kw=load,
        batteries=Batteries(
            ids=tuple(AssetId(f"battery-{b}") for b in range(sites)),
            site=np.arange(sites),
            capacity_kwh=capacity,
            charge_kw=power,
            discharge_kw=power,
            eta_charge=rng.uniform(0.93, 0.97, sites),
            eta_discharge=rng.uniform(0.93, 0.97, sites),
            energy_kwh=capacity * rng.uniform(0.3, 0.7, sites),
            min_kwh=0.05 * capacity,
            max_kwh=0.95 * capacity,
            reserve_kwh=0.1 * capacity,
            wear_per_kwh=rng.uniform(0.01, 0.03, sites),
        ),
        pv=PvPlants(
            ids=tuple(AssetId(f"pv-{s}") for s in roofs),
            site=roofs,
            available_kw=available,
            curtailable=(True,) * len(roofs),
        ),
        sessions=_cars(rng, grid, sites),
        prices=Prices(
            import_per_kwh=np.select([hour < 6, (hour >= 17) & (hour < 21)], [0.14, 0.42], 0.28),
            export_per_kwh=np.full(slots, 0.06),
            co2_kg_per_kwh=np.full(slots, 0.4),
            peak_per_kw=0.3,
        ),
        deadline_s=600.0,
    )


def _cars(rng: np.random.Generator, grid: SlotGrid, sites: int) -> EvSessions:
    slots = len(grid)
    count = 2 * sites * max(1, slots // 96)
    arrival = rng.integers(0, slots - 16, count)
    stay = rng.integers(14, 36, count)
    power = rng.choice([7.36, 22.08], count)
    slot = np.arange(slots)
    there = (slot >= arrival[:, None]) & (slot < (arrival + stay)[:, None])
    most = np.where(there, power[:, None], 0.0)
    return EvSessions(
        ids=tuple(f"session-{v}" for v in range(count)),
        assets=tuple(AssetId(f"charger-{v}") for v in range(count)),
        site=rng.integers(0, sites, count),
        need_kwh=most @ grid.hours * rng.uniform(0.2, 0.7, count),
        max_kw=most,
        guaranteed_kw=np.zeros(most.shape),
    )


class Counted:
    """An engine that keeps what each of its solves took."""

    def __init__(self) -> None:
        self._engine = MathOptSolver("HIGHS")
        self.spent_s: list[float] = []

    def solve(self, program: LinearProgram, cost: Floats, time_limit_s: float) -> Solution:
        solution = self._engine.solve(program, cost, time_limit_s)
        self.spent_s.append(solution.cpu_s)
        return solution


@contextmanager
def cpu(into: list[float]) -> Iterator[None]:
    started = time.process_time()
    yield
    into.append(time.process_time() - started)


def measure(sites: int, slots: int, repeats: int) -> None:
    problem = city(sites, slots)
    planner, total, solver = LpPlanner(), list[float](), list[float]()
    plan = planner.plan(city(2, 24))
    for _ in range(repeats):
        with cpu(total):
            plan = planner.plan(problem)
        solver.append(plan.explanation.solve_cpu_s)
    ratio = statistics.median(t / s for t, s in zip(total, solver, strict=True))
    verdict = "within" if ratio <= BAR else "ABOVE"
    print(f"{sites} sites x {slots} steps, {repeats} repeats, median CPU seconds")
    print(
        f"  end to end {statistics.median(total):7.3f}"
        f"   solver alone {statistics.median(solver):7.3f}"
        f"   ratio {ratio:.3f} ({verdict} the bar of {BAR})"
    )
    building, checking = list[float](), list[float]()
    with cpu(building):
        model = build(problem, elastic=False)
    with cpu(checking):
        broken = broken_rules(plan, problem)
    size = model.program.matrix.shape
    print(
        f"  program {size[1]} columns, {size[0]} rows, {model.program.matrix.nnz} entries;"
        f" build {building[0]:.3f}, validation {checking[0]:.3f}"
    )
    engine = Counted()
    run = StagedSolver(engine, engine).run(problem, problem.deadline_s)
    for solved, spent in zip(run.solved, engine.spent_s[-len(run.solved) :], strict=True):
        print(f"  {solved.stage.name:<22}{spent:8.3f}")
    certificate = plan.explanation.certificate
    print(f"  broken rules {len(broken)}, {certificate}")
    print(f"  largest resident set {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    measure(100, 96, repeats)
    measure(20, 192, repeats)


if __name__ == "__main__":
    main()
