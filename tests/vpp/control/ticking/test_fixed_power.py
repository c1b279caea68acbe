"""A power that somebody fixes for the pool is reached, by few writes and inside every limit."""

import numpy as np
import pytest

from tests.vpp.control.ticking.city import city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import houses, proposal
from vpp.domain.arrays import Floats
from vpp.domain.command import WriteClass
from vpp.domain.proposal import Proposal, Rank, ScopeKind

FIXED = proposal("op", ScopeKind.POOL, "pool", Rank.OVERRIDE, lo_kw=5.0, hi_kw=5.0)


def held(load_kw: float, weak: float, *others: Proposal) -> tuple[Run, Floats]:
    """A run of ten storages under a noisy load, and the pool's net of its last 100 seconds."""
    noise_kw = np.random.default_rng(1).normal(0.0, 0.6, 2000)
    of = city(houses(10, kw=30.0, kwh=60.0, resolution_kw=0.1), rating_kw=400.0)
    run = Run(
        Plant(
            city=of, weak=weak,
            load=lambda now_s: np.full(10, (load_kw + noise_kw[int(now_s) % 2000]) / 10),
        )
    ).ticks(80)  # fmt: skip
    run.proposals = (FIXED, *others)
    run.ticks(140)
    return run, np.array([nets.sum() for _, nets, _ in run.plant.history[-100:]])


@pytest.mark.parametrize("load_kw", [-100.0, 100.0])
@pytest.mark.parametrize("weak", [1.0, 0.97])
def test_it_is_reached_by_storages_that_follow_imperfectly(load_kw: float, weak: float) -> None:
    run, nets = held(load_kw, weak)
    assert nets.mean() == pytest.approx(5.0, abs=0.6)
    told = [at for at, d in run.plant.log if d.write_class is not WriteClass.REFRESH]
    assert sum(at > run.plant.now_s - 100 for at in told) < 50, "a few regulate"


def test_a_limit_beside_it_is_not_exceeded_for_it() -> None:
    grid = proposal("grid", ScopeKind.POOL, "pool", Rank.GRID_OPERATOR, hi_kw=5.0)
    _, free = held(100.0, 1.0)
    _, kept = held(100.0, 1.0, grid)
    assert np.mean(kept > 5.6) < np.mean(free > 5.6)
