"""A pool's local day as it stands in the history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from vpp.control.marks import WHY_AWAY
from vpp.domain.arrays import Bools, Floats
from vpp.domain.assets import Battery, Pv
from vpp.domain.day import BAD_FROM, MeasuredDay
from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId, NodeId, PoolId
from vpp.domain.network import Tightest
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.rules import Storage
from vpp.domain.slots import SlotGrid
from vpp.domain.tariff import Tariff
from vpp.ports.store import History

SLOT_S = 900.0
BEFORE = timedelta(days=1)
"""Back to which stored energy is looked for that the day itself does not tell."""
PART = 0.25
"""Of a slot, from which on what held in it counts for all of it."""
NEAR = 0.02
"""Within this part of a limit a mean is at it."""
ASLEEP_PART = 0.05
"""Of its peak: an inverter that gave no more before and after a silence was asleep in it."""
SHORT = "off its setpoint"
SHORT_PART = 0.1
"""Of its rating: a battery whose mean power was further from its setpoint did not do as told."""
Kind = TypeVar("Kind")


def span(portfolio: Portfolio, day: date) -> SlotGrid:
    """The day's slots, from local midnight to the next: 92, 96 or 100 of them."""
    zone = ZoneInfo(portfolio.time_zone)
    start, end = (
        datetime.combine(day + timedelta(days=more), time.min, zone).astimezone(UTC)
        for more in (0, 1)
    )
    count = round((end - start).total_seconds() / SLOT_S)
    return SlotGrid.regular(start, count=count, step_s=SLOT_S)


@dataclass(frozen=True, slots=True)
class _Reader:
    history: History
    grid: SlotGrid

    async def means(
        self, subject: str, quantity: Quantity, *, before: timedelta = timedelta()
    ) -> Floats:
        start = self.grid.start - before
        return await self.history.read(subject, quantity, start, self.grid.end, SLOT_S)

    async def holds(self, subject: str, mark: Quantity) -> Bools:
        """Where a mark held."""
        return np.asarray(np.nan_to_num(await self.means(subject, mark)) >= PART)


async def measured_day(
    portfolio: Portfolio, pool: PoolId, day: date, history: History, foreseen_kw: Floats
) -> MeasuredDay:
    """Everything measured of a pool on a local day.

    What is not measured of a battery's power is part of the net, as it was.

    Args:
        portfolio: Of the pool.
        pool: Whose day it is.
        day: Local date.
        history: Where it stands.
        foreseen_kw: Net without batteries as plans counted on it, shape (slots,).

    Raises:
        StoreUnavailable: the history cannot be read.
    """
    grid, order = span(portfolio, day), portfolio.goals.order
    reader = _Reader(history, grid)
    net_kw = await reader.means(pool, Quantity.POWER_KW)
    plants = {plant.id: await _plant(reader, plant) for plant in _assets(portfolio, pool, Pv)}
    none = np.zeros(len(grid))
    gave, could = (np.sum([none, *(p[at] for p in plants.values())], axis=0) for at in (0, 1))
    batteries, unknown = list[Battery](), list[AssetId]()
    power, stored = [np.zeros((0, len(grid)))], [np.zeros((0, len(grid) + 1))]
    for battery in _assets(portfolio, pool, Battery):
        edges = await _soc(reader, battery.id)
        if np.isnan(edges).all():
            unknown.append(battery.id)
            continue
        batteries.append(battery)
        stored.append(edges[None] * battery.capacity_kwh)
        power.append((await reader.means(battery.id, Quantity.POWER_KW))[None])
    prices = _prices(portfolio, pool, grid)
    limited = await _limited(portfolio, pool, reader, batteries, net_kw)
    return MeasuredDay(
        pool=pool,
        date=day,
        order=order,
        currency=portfolio.currency,
        hours=SLOT_S / 3600.0,
        net_kw=net_kw,
        sun_kw=gave,
        could_kw=could,
        storage=Storage.of(batteries, np.arange(len(batteries)).tolist()),
        batteries=tuple(battery.id for battery in batteries),
        power_kw=np.concatenate(power),
        stored_kwh=np.concatenate(stored),
        foreseen_kw=foreseen_kw,
        import_per_kwh=None if prices is None else prices.import_on(grid),
        export_per_kwh=None if prices is None else prices.export_on(grid),
        co2_per_kwh=None if prices is None else portfolio.goals.co2_per_kg * prices.carbon_on(grid),
        away=await _away(reader, batteries, np.concatenate(power)),
        limited=limited,
        silent={plant: int(np.isnan(known).sum()) for plant, (known, _) in plants.items()},
        unknown=tuple(unknown),
        bad_from=BAD_FROM[order] if portfolio.bad_day is None else portfolio.bad_day,
    )


async def _away(
    reader: _Reader, batteries: Sequence[Battery], power_kw: Floats
) -> dict[str, Bools]:
    """Where the plan did not have a battery, or it did something else than it was told, by why."""

    def each(found: list[Bools]) -> Bools:
        return np.array(found, np.bool_).reshape(power_kw.shape)

    away = {
        why.replace("_", " "): each([await reader.holds(battery.id, why) for battery in batteries])
        for why in WHY_AWAY
    }
    told = [await reader.means(battery.id, Quantity.SETPOINT_KW) for battery in batteries]
    short = [
        np.abs(setpoint - did) > SHORT_PART * max(battery.charge_kw, battery.discharge_kw)
        for battery, setpoint, did in zip(batteries, told, power_kw, strict=True)
    ]
    known = np.any([*away.values()], axis=0)
    return {**away, SHORT: each(short) & ~known}


async def _plant(reader: _Reader, plant: Pv) -> tuple[Floats, Floats]:
    """What it gave and what it could have given, magnitudes."""
    gave = np.maximum(-await reader.means(plant.id, Quantity.POWER_KW), 0.0)
    gave = _with_nights(gave, ASLEEP_PART * plant.peak_kw)
    possible = await reader.means(plant.id, Quantity.AVAILABLE_KW)
    return gave, np.where(np.isnan(possible), gave, np.fmax(possible, gave))


def _with_nights(gave_kw: Floats, least_kw: float) -> Floats:
    """With zero where nothing was heard between two slots of next to nothing, or the day's ends."""
    slots, known = np.arange(len(gave_kw)), np.isfinite(gave_kw)
    if not known.any():
        return gave_kw
    framed = np.concatenate([[0.0], np.nan_to_num(gave_kw), [0.0]])
    before = np.maximum.accumulate(np.where(known, slots + 1, 0))
    after = np.minimum.accumulate(np.where(known, slots + 1, len(slots) + 1)[::-1])[::-1]
    asleep = ~known & (framed[before] <= least_kw) & (framed[after] <= least_kw)
    return np.where(asleep, 0.0, gave_kw)


async def _soc(reader: _Reader, battery: AssetId) -> Floats:
    """At the slots' edges; before the day's first, what was known last."""
    ends = await reader.means(battery, Quantity.SOC, before=BEFORE)
    edges = np.array(ends[-len(reader.grid) - 1 :])
    earlier = ends[: -len(reader.grid)]
    known = earlier[np.isfinite(earlier)]
    if np.isnan(edges[0]) and len(known):
        edges[0] = known[-1]
    return edges


async def _limited(
    portfolio: Portfolio,
    pool: PoolId,
    reader: _Reader,
    batteries: Sequence[Battery],
    net_kw: Floats,
) -> Bools:
    """Where the pool was left less than it wanted, or a node above a battery stood at a limit."""
    of_pool = await reader.holds(pool, Quantity.LIMITED)
    found = np.repeat(of_pool[None], len(batteries), axis=0)
    home = portfolio.pools[pool].node
    for node in portfolio.subtree(home):
        beneath = _beneath(portfolio, node, batteries)
        limits = [portfolio.nodes[node].tightest_kw(hard=hard) for hard in (True, False)]
        if not beneath.any() or not any(_binds(limit) for limit in limits):
            continue
        through_kw = net_kw if node == home else await _through(portfolio, node, reader)
        at = np.any([_stands_at(through_kw, limit) for limit in limits], axis=0)
        found |= beneath[:, None] & at[None]
    return found


def _beneath(portfolio: Portfolio, node: NodeId, batteries: Sequence[Battery]) -> Bools:
    below = set(portfolio.subtree(node))
    return np.array([portfolio.sites[battery.site].node in below for battery in batteries], bool)


def _binds(limit: Tightest) -> bool:
    return bool(np.isfinite([limit.import_max, limit.export_max]).any())


def _stands_at(through_kw: Floats, limit: Tightest) -> Bools:
    near = 1.0 - NEAR
    return (through_kw >= near * limit.import_max) | (-through_kw >= near * limit.export_max)


async def _through(portfolio: Portfolio, node: NodeId, reader: _Reader) -> Floats:
    """Of its best meter in each slot, NaN where none measured."""
    found = np.full(len(reader.grid), np.nan)
    for meter in portfolio.meters_of_node[node]:
        measured = await reader.means(meter, Quantity.POWER_KW)
        found = np.where(np.isnan(found), measured, found)
    return found


def _prices(portfolio: Portfolio, pool: PoolId, grid: SlotGrid) -> Tariff | None:
    """None where the day has no prices."""
    named = portfolio.nodes[portfolio.pools[pool].node].tariff
    if named is None:
        return None
    tariff = portfolio.tariffs[named]
    try:
        tariff.import_on(grid)
    except InvariantError:
        return None
    return tariff


def _assets(portfolio: Portfolio, pool: PoolId, kind: type[Kind]) -> list[Kind]:
    every = (portfolio.assets[asset] for asset in portfolio.assets_of_pool(pool))
    return [asset for asset in every if isinstance(asset, kind)]
