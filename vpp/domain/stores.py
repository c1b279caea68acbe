"""Hydrogen and heat in a problem: what holds them, and what makes them or draws on them.

Axes: stores K, converters C, segments of load Q, slots T, pieces of worth L. Contents are counted
in each store's own unit, kilograms of hydrogen or kWh of heat; powers are electrical, magnitudes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np

from vpp.domain.arrays import Bools, Floats, Ints, frozen, frozen_ints
from vpp.domain.ids import AssetId

RUNNING_KW = 1e-6
"""A converter below it stands still."""


class Substance(StrEnum):
    """What a store holds, in the order in which it is served."""

    HYDROGEN = "hydrogen"
    HEAT = "heat"

    @property
    def unit(self) -> str:
        return "kg" if self is Substance.HYDROGEN else "kWh"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stores:
    """Shape (K,) each, but for the demand and the worth."""

    ids: tuple[AssetId, ...]
    site: Ints
    """Index into the sites."""
    substance: tuple[Substance, ...]
    capacity: Floats
    least: Floats
    """Kept in store; what standing losses take of it is made again as far as it can be."""
    content: Floats
    """At the start of the horizon; may lie outside the bounds."""
    loss_per_h: Floats
    """Part of the content that is lost in an hour, 0..1."""
    demand: Floats
    """Asked for within each slot, shape (K, T); what is not there is not served."""
    worth_kwh: Floats
    """kWh of later import that a unit left at the horizon's end saves, shape (K, L), falling."""
    worth_length: Floats
    """Units above ``least`` that each piece of worth holds for, shape (K, L)."""
    worth_money: Floats
    """What a unit left at the end could be sold for, in the problem's currency; counts in money
    where it is more than the import saved."""

    def __post_init__(self) -> None:
        _freeze(self, whole=("site",))

    @classmethod
    def none(cls, slots: int) -> "Stores":
        empty = np.zeros(0)
        return cls(
            ids=(), site=np.zeros(0, np.int64), substance=(), capacity=empty, least=empty,
            content=empty, loss_per_h=empty, demand=np.zeros((0, slots)),
            worth_kwh=np.zeros((0, 1)), worth_length=np.zeros((0, 1)), worth_money=empty,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Converters:
    """Electricity into a store's content or the other way; shape (C,) each, but for the yield.

    A converter stands still or runs from ``min_kw`` on. It may be stopped at any time; what it
    draws standing still is part of the problem's load, and its power is what it draws beyond that.
    """

    ids: tuple[AssetId, ...]
    site: Ints
    store: Ints
    """Index into the stores."""
    gives: Bools
    """Whether electricity comes out (fuel cell, CHP) instead of going in."""
    segment_kw: Floats
    """Widths of the segments of load from zero to full power, shape (C, Q); 0 where fewer."""
    per_kwh: Floats
    """Units of content per kWh in each segment, shape (C, Q), negative where the store is drawn on;
    falling from segment to segment."""
    factor: Floats
    """Times that in each slot, shape (C, T): a heat pump's yield goes by the weather."""
    min_kw: Floats
    ramp_kw_per_h: Floats
    """By how much a running converter may change; inf where none is stated."""
    start_kwh: Floats
    """Energy that a start wastes, counted as if it were bought."""
    start_cost: Floats
    fuel_per_kwh: Floats
    """Price of the fuel with its CO2, per electrical kWh."""
    fuelled: Bools
    """Whether its energy is brought in from outside, as the grid's is."""
    power_kw: Floats
    """Now; 0 where it stands still."""

    def __post_init__(self) -> None:
        _freeze(self, whole=("site", "store"))

    @classmethod
    def none(cls, slots: int) -> "Converters":
        empty, nothing = np.zeros(0), np.zeros(0, dtype=bool)
        return cls(
            ids=(), site=np.zeros(0, np.int64), store=np.zeros(0, np.int64), gives=nothing,
            segment_kw=np.zeros((0, 1)), per_kwh=np.zeros((0, 1)), factor=np.zeros((0, slots)),
            min_kw=empty, ramp_kw_per_h=empty, start_kwh=empty, start_cost=empty,
            fuel_per_kwh=empty, fuelled=nothing, power_kw=empty,
        )  # fmt: skip

    @property
    def max_kw(self) -> Floats:
        return np.asarray(self.segment_kw.sum(axis=1))

    @property
    def sign(self) -> Floats:
        """1 where its power goes into the asset, -1 where it comes out; shape (C,)."""
        return np.where(self.gives, -1.0, 1.0)

    @property
    def now_kw(self) -> Floats:
        """Power now, inside what it can do, or 0; shape (C,)."""
        inside = np.clip(self.power_kw, self.min_kw, self.max_kw)
        return np.where(self.power_kw > RUNNING_KW, inside, 0.0)

    def split(self, power_kw: Floats) -> Floats:
        """Power by segment, each filled before the next, shape (C, Q, T)."""
        before = np.cumsum(self.segment_kw, axis=1) - self.segment_kw
        return np.asarray(
            np.clip(power_kw[:, None, :] - before[:, :, None], 0.0, self.segment_kw[:, :, None])
        )

    def gain(self, power_kw: Floats, hours: Floats) -> Floats:
        """Units of content made (negative: drawn) in each slot, shape (C, T)."""
        made = (self.split(power_kw) * self.per_kwh[:, :, None]).sum(axis=1)
        return np.asarray(hours * self.factor * made)


def gained(stores: Stores, converters: Converters, power_kw: Floats, hours: Floats) -> Floats:
    """Units that the converters together bring each store in each slot, shape (K, T)."""
    total = np.zeros(stores.demand.shape)
    np.add.at(total, converters.store, converters.gain(power_kw, hours))
    return total


def kept_part(stores: Stores, hours: Floats) -> Floats:
    """What of the content at a slot's start is left at its end, shape (K, T)."""
    return np.asarray((1.0 - stores.loss_per_h[:, None]) ** hours)


def content(stores: Stores, hours: Floats, gain: Floats, served: Floats) -> Floats:
    """Content at every slot's end, shape (K, T): ``H_t = kept_t H_(t-1) + gain_t - served_t``."""
    if not stores.ids:
        return np.zeros(stores.demand.shape)
    kept, found, now = kept_part(stores, hours), np.empty(stores.demand.shape), stores.content
    for slot in range(len(hours)):
        now = kept[:, slot] * now + gain[:, slot] - served[:, slot]
        found[:, slot] = now
    return found


def content_bounds(stores: Stores, hours: Floats) -> tuple[Floats, Floats]:
    """Hard bounds of the content at every slot's end, shape (K, T).

    Standing losses may take the content below ``least``, demand may not; a store begun outside its
    bounds may stay there as far as it does by itself. So standing still is always possible.
    """
    left = np.cumprod(kept_part(stores, hours), axis=1)
    begun = np.minimum(stores.least, stores.content)
    return (
        begun[:, None] * left,
        np.maximum(stores.capacity[:, None], stores.content[:, None] * left),
    )


def contradictions(stores: Stores, converters: Converters, sites: int, slots: int) -> Iterator[str]:
    """What a planner could not make sense of, with field, place and values."""
    wrong = [
        *_shapes(stores, len(stores.ids), slots),
        *_shapes(converters, len(converters.ids), slots),
    ]
    yield from wrong
    if wrong:
        return
    for name, places, count in (
        ("stores.site", stores.site, sites),
        ("converters.site", converters.site, sites),
        ("converters.store", converters.store, len(stores.ids)),
    ):
        for position in np.flatnonzero((places < 0) | (places >= count)):
            wrong.append(f"{name}[{position}] is {places[position]}, expected 0 to {count - 1}")
    yield from wrong
    yield from _stores(stores)
    yield from _converters(converters)
    if not wrong:
        yield from _circles(stores, converters)


def _shapes(part: Stores | Converters, count: int, slots: int) -> Iterator[str]:
    kind = type(part).__name__.lower()
    by_slot, by_piece = ("demand", "factor"), ("worth_kwh", "worth_length", "segment_kw", "per_kwh")
    for field in fields(part):
        value = getattr(part, field.name)
        if field.name in {"ids", "substance"}:
            continue
        shape: tuple[int, ...] = (count, slots) if field.name in by_slot else (count,)
        if field.name in by_piece:
            shape = (count, *value.shape[1:2])
        if value.shape != shape:
            yield f"{kind}.{field.name} has shape {value.shape}, expected {shape}"
        elif np.isnan(value).any() or (field.name != "ramp_kw_per_h" and np.isinf(value).any()):
            yield f"{kind}.{field.name} is not finite"
        elif field.name not in {"per_kwh", "site", "store"} and (value < 0).any():
            yield f"{kind}.{field.name} is {value.min():g}, expected 0 or more"


def _stores(stores: Stores) -> Iterator[str]:
    for k, asset in enumerate(stores.ids):
        if stores.least[k] > stores.capacity[k]:
            yield (
                f"stores.least of {asset} is {stores.least[k]:g},"
                f" above capacity {stores.capacity[k]:g}"
            )
        if stores.loss_per_h[k] > 1:
            yield f"stores.loss_per_h of {asset} is {stores.loss_per_h[k]:g}, expected 0 to 1"
        if (np.diff(stores.worth_kwh[k]) > 0).any():
            yield f"stores.worth_kwh of {asset} rises: {stores.worth_kwh[k].tolist()}"


def _converters(converters: Converters) -> Iterator[str]:
    for c, asset in enumerate(converters.ids):
        wide = converters.segment_kw[c] > 0
        width, per_kwh = converters.segment_kw[c][wide], converters.per_kwh[c][wide]
        if not wide[: len(width)].all() or not len(width):
            yield f"converters.segment_kw of {asset} is {converters.segment_kw[c].tolist()}"
            continue
        if (np.diff(per_kwh) > 1e-12).any():
            yield f"converters.per_kwh of {asset} rises with load: {per_kwh.tolist()}"
        if converters.min_kw[c] > width[0] + 1e-9:
            yield (
                f"converters.min_kw of {asset} is {converters.min_kw[c]:g}, above its first"
                f" segment, which ends at {width[0]:g}"
            )
        if converters.start_kwh[c] + converters.start_cost[c] > 0 and not converters.min_kw[c] > 0:
            yield f"converters.min_kw of {asset} is 0, but its starts have a price"
        if not (converters.gives[c] or (per_kwh >= 0).all()):
            yield f"converters.per_kwh of {asset} takes power and content at once"


def _circles(stores: Stores, converters: Converters) -> Iterator[str]:
    """Content made of electricity may not give back more of it than went in."""
    most = (converters.per_kwh.max(axis=1, initial=0.0) * converters.factor.T).T.max(
        axis=1, initial=0.0
    )
    least = (-converters.per_kwh.max(axis=1, initial=-np.inf) * converters.factor.T).T.min(
        axis=1, initial=np.inf
    )
    for c in np.flatnonzero(converters.gives & (converters.per_kwh[:, 0] < 0)):
        makers = (converters.store == converters.store[c]) & ~converters.gives
        for maker in np.flatnonzero(makers & (most >= least[c])):
            store = stores.ids[converters.store[c]]
            yield (
                f"{converters.ids[maker]} makes up to {most[maker]:g} of {store} per kWh, and"
                f" {converters.ids[c]} draws only {least[c]:g} for a kWh: energy from nothing"
            )


def _freeze(part: Stores | Converters, whole: tuple[str, ...]) -> None:
    for field in fields(part):
        value = getattr(part, field.name)
        if field.name in whole:
            object.__setattr__(part, field.name, frozen_ints(value))
        elif isinstance(value, np.ndarray) and value.dtype == bool:
            value = value.copy()
            value.flags.writeable = False
            object.__setattr__(part, field.name, value)
        elif not isinstance(value, tuple):
            object.__setattr__(part, field.name, frozen(value))
