"""A pool whose ticks gave these reasons, and how its daemon puts them down."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tests.vpp.control.planning.cities import NOON, snapshot, two_sites
from vpp.control.inputs import Reason, TickResult
from vpp.domain.ladder import Rung
from vpp.domain.plan import Plan
from vpp.domain.proposal import Scope, ScopeKind
from vpp.runtime.reason_log import NAME, ReasonLog
from vpp.runtime.view import View

PORTFOLIO = two_sites()
POOL = next(iter(PORTFOLIO.pools))
BAT = "home-bat"


def result(*reasons: Reason) -> TickResult[Any]:
    return TickResult(
        state=None, commands=(), wanted_kw=np.zeros(0), decided=frozenset(), reasons=reasons,
        rungs={}, alarms=(),
    )  # fmt: skip


def pool_reason(binding: str) -> Reason:
    scope = Scope(kind=ScopeKind.POOL, id=POOL)
    return Reason(scope=scope, rung=Rung.FRESH_PLAN, binding=binding, text=f"because {binding}")


def seen(after_s: float, *reasons: Reason, plan: Plan | None = None) -> View:
    return View(
        portfolio=PORTFOLIO,
        snapshot=snapshot(PORTFOLIO, {}, at=NOON + timedelta(seconds=after_s)),
        results={POOL: result(*reasons)},
        plans={} if plan is None else {POOL: plan},
    )


async def written(path: Path, views: Sequence[View]) -> None:
    async with ReasonLog(path / NAME, PORTFOLIO) as log:
        for view in views:
            log.observe(view)
