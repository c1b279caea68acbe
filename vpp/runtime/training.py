"""Learning ahead of time, from a record instead of the daemon's own history."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

from vpp.control.outlook import SLOT_S, recorded
from vpp.domain.errors import VppError
from vpp.domain.portfolio import Portfolio
from vpp.domain.slots import SlotGrid
from vpp.ports import plugins
from vpp.ports.planner import Forecaster, Learning
from vpp.ports.store import History
from vpp.runtime.model_registry import ModelRegistry

AHEAD_SLOTS = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of it."""

    file: Path
    by_source: Mapping[str, Sequence[str]]
    """Subjects by the rung that foresees them."""


async def train(
    portfolio: Portfolio,
    history: History,
    until: datetime,
    forecaster: str,
    registry: ModelRegistry,
) -> Trained:
    """Let a forecaster learn from everything up to an instant, and keep what it learnt.

    Raises:
        ConfigurationError: it is not installed.
        VppError: it does not learn, or there is too little to learn from.
    """
    made = cast("type[Forecaster]", plugins.load(plugins.FORECASTERS, forecaster))()
    if not isinstance(made, Learning):
        raise VppError(f"{forecaster} learns nothing that could be kept; take model")
    made.take_up(None)
    record = await recorded(portfolio, history, until)
    grid = SlotGrid.regular(until, count=AHEAD_SLOTS, step_s=SLOT_S)
    by_source = defaultdict[str, list[str]](list)
    request = record.request(portfolio, until, grid)
    made.forecast(replace(request, weather=None))  # for days on which the weather is lost
    for one in made.forecast(request):
        by_source[one.source].append(f"{one.subject} {one.quantity}")
    model = made.learnt()
    if model is None:
        raise VppError("too little to learn from: a fortnight of the city's sites is needed")
    return Trained(file=registry.add(model, until), by_source=by_source)
