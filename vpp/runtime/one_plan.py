"""One plan of every pool, made now, from what the devices say or from what is on record."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from vpp.config.city import City
from vpp.config.findings import instead
from vpp.control.input_watch import unrecorded
from vpp.control.occasions import Rhythm
from vpp.control.replanning import Replanner
from vpp.domain.assets import Asset, Battery
from vpp.domain.batch import Batch
from vpp.domain.conversion import Converter, Store
from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId, PoolId, SiteId
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.session import EvSession
from vpp.domain.snapshot import Column, DeviceState, Layout, Snapshot
from vpp.ports import plugins
from vpp.ports.clock import Clocks
from vpp.ports.store import History
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.history_sqlite import SqliteHistory
from vpp.runtime.model_registry import MODELS
from vpp.runtime.probe import Finding, measure_all
from vpp.runtime.worker import PlanningWorker

USUAL_SOC = 0.5
"""Taken for a battery or a store of which nothing is known, and said so."""
HISTORY = "history.db"
_SLOT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is known beside the city file."""

    state_dir: Path
    history: Path
    planner: str = "lp"
    forecaster: str | None = None
    """None: the city's."""
    soc: Mapping[AssetId, float]
    """Stated by hand; wins over everything."""
    offline: bool = False
    """Ask no device; stored energy from the history."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePlan:
    """What came of it."""

    plans: Mapping[PoolId, Plan]
    troubles: Mapping[PoolId, str]
    notes: Sequence[str]
    unforecast: Mapping[SiteId, float]
    """Mean load assumed, kW, of the sites whose load nothing on record foretells."""


async def plan_once(city: City, request: Request) -> OnePlan:
    """Forecast, plan and check once.

    Raises:
        ConfigurationError: planner or forecaster is not installed.
        InvariantError: a state of charge is stated for something that is no battery.
        VppError: a device is held by a running daemon, or no history can be read.
    """
    portfolio, wire = city.portfolio, WireClock()
    forecaster = request.forecaster or portfolio.forecaster
    plugins.check((plugins.PLANNERS, request.planner), (plugins.FORECASTERS, forecaster))
    check_stated(portfolio, request.soc)
    clocks = Clocks(city=CityClock(wire, start=request.at), wire=wire)
    batches, silent = ((), ()) if request.offline else await measure_all(city)
    async with AsyncExitStack() as stack:
        history = await stack.enter_async_context(SqliteHistory(request.history))
        worker = await stack.enter_async_context(
            PlanningWorker(
                planner=request.planner,
                forecaster=forecaster,
                log=request.state_dir / "worker.log",
                models=_models(request),
            )
        )
        now = clocks.city.now()
        soc, notes = await _stored(portfolio, request, history, batches, now)
        replanner = Replanner(
            portfolio,
            planning=worker,
            history=history,
            clocks=clocks,
            rhythm=Rhythm(),
        )
        replanner.suppose(frozenset(one.id for one in _of_kinds(portfolio, Converter)))
        await replanner.round(
            _snapshot(portfolio, request, soc, batches, now), cause="a command that asked for it"
        )
    return OnePlan(
        plans=replanner.plans,
        troubles={pool: trouble.text for pool, trouble in replanner.troubles.items()},
        notes=[*_silent(silent, len(portfolio.devices)), *notes, *_supposed(portfolio)],
        unforecast=unrecorded(portfolio, replanner.forecasts),
    )


def _silent(findings: Sequence[Finding], asked: int) -> Iterator[str]:
    if findings:
        told = "; ".join(f"{one.device} ({one.trouble})" for one in findings[:3])
        more = f" and {len(findings) - 3} more" if len(findings) > 3 else ""
        number = "none" if len(findings) == asked else f"{asked - len(findings)}"
        yield f"{number} of {asked} devices answered, not {told}{more}; --offline asks none"


def _supposed(portfolio: Portfolio) -> Iterator[str]:
    if names := ", ".join(one.id for one in _of_kinds(portfolio, Converter)):
        yield f"planned as if they followed the plan, though no daemon steers them yet: {names}"


def _models(request: Request) -> Path | None:
    """What the daemon's forecaster has learnt belongs to the daemon's history alone."""
    own = request.history == request.state_dir / HISTORY
    return request.state_dir / MODELS if own else None


def check_stated(portfolio: Portfolio, soc: Mapping[AssetId, float]) -> None:
    """See that only batteries and stores are stated, and only what they can be.

    Raises:
        InvariantError: which is not, and why.
    """
    holding = [one.id for one in _of_kinds(portfolio, Battery | Store)]
    for asset, value in soc.items():
        if asset not in holding:
            problem = f"{asset!r} is no battery and no store of {portfolio.id}"
            raise InvariantError(f"{problem}: {instead(asset, holding)}")
        if not 0 <= value <= 1:
            meant = f"; {value:g} % is {value / 100:g}" if 1 < value <= 100 else ""
            raise InvariantError(
                f"the state of charge of {asset} is {value:g}, expected 0..1{meant}"
            )


async def _stored(
    portfolio: Portfolio,
    request: Request,
    history: History,
    batches: Sequence[Batch],
    now: datetime,
) -> tuple[Mapping[AssetId, float], list[str]]:
    """State of charge of every battery and store, by the best source, and which were assumed."""
    measured = _measured(batches, Quantity.SOC)
    found: dict[AssetId, float] = {}
    unknown: list[AssetId] = []
    for asset in _of_kinds(portfolio, Battery | Store):
        stated = request.soc.get(asset.id, measured.get(asset.id))
        if stated is None:
            end = datetime.fromtimestamp(now.timestamp() // 900 * 900, now.tzinfo)
            past = await history.read(asset.id, Quantity.SOC, end - 8 * _SLOT, end, 900.0)
            known = past[~np.isnan(past)]
            stated = float(known[-1]) if len(known) else None
        if stated is None:
            unknown.append(asset.id)
        found[asset.id] = USUAL_SOC if stated is None else stated
    assumed = f"stored energy unknown, {USUAL_SOC:.0%} assumed (--soc): {', '.join(unknown)}"
    return found, [assumed] if unknown else []


def _of_kinds(portfolio: Portfolio, kinds: Any) -> Iterator[Asset]:
    return (one for one in portfolio.assets.values() if isinstance(one, kinds))


def _measured(batches: Sequence[Batch], quantity: Quantity) -> dict[AssetId, float]:
    return {
        AssetId(point.subject): float(value)
        for batch in batches
        for point, value, quality in zip(batch.points, batch.values, batch.quality, strict=True)
        if point.quantity is quantity and quality == Quality.GOOD
    }


def _column(layout: Layout, found: Mapping[AssetId, float]) -> Column:
    values = np.array([found.get(asset, np.nan) for asset in layout.assets])
    there = ~np.isnan(values)
    return Column(
        values=values,
        quality=np.where(there, Quality.GOOD, Quality.MISSING).astype(np.uint8),
        measured_s=np.where(there, 0.0, -np.inf),
    )


def _snapshot(
    portfolio: Portfolio,
    request: Request,
    soc: Mapping[AssetId, float],
    batches: Sequence[Batch],
    now: datetime,
) -> Snapshot:
    layout = Layout(assets=tuple(portfolio.assets), meters=tuple(portfolio.meters))
    reported_kwh = _measured(batches, Quantity.AVAILABLE_KWH)
    known = {
        Quantity.SOC: soc,
        Quantity.AVAILABLE_KWH: {a: v for a, v in reported_kwh.items() if a not in request.soc},
        Quantity.HEALTH: _measured(batches, Quantity.HEALTH),
    }
    sessions: dict[AssetId, EvSession | None] = {}
    for batch in batches:
        sessions |= batch.sessions
    devices = {
        device.id: DeviceState(
            online=True, authority=device.authority, identified=True, read_back=True
        )
        for device in portfolio.devices.values()
    }
    return Snapshot(
        tick=0,
        at=now,
        now_s=0.0,
        layout=layout,
        assets={quantity: _column(layout, found) for quantity, found in known.items()},
        meters={},
        sessions=sessions,
        devices=devices,
    )
