"""A pool's local day: what was measured of it, and what it is judged to have been worth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from vpp.domain.arrays import Bools, Floats
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.order import Order
from vpp.domain.rules import Storage

BAD_FROM = {Order.LOCAL: 0.02, Order.COST: 0.1, Order.GRID: 0.02}
"""Regret, as part of what all demand from the grid would have come to, above which a day is a bad
one, where nobody says otherwise: beyond what ordinary days of 17 real homes show in each order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredDay:
    """Means of the day's slots, NaN where nothing was measured; positive into the asset."""

    pool: PoolId
    date: date
    order: Order
    currency: str
    hours: float
    """Length of a slot."""
    net_kw: Floats
    """At the boundary, shape (slots,), positive is import."""
    sun_kw: Floats
    """What the plants gave, magnitude, shape (slots,)."""
    could_kw: Floats
    """What they could have given, magnitude, shape (slots,)."""
    storage: Storage
    batteries: tuple[AssetId, ...]
    power_kw: Floats
    """Of each battery, shape (batteries, slots)."""
    stored_kwh: Floats
    """At the slots' edges, shape (batteries, slots + 1)."""
    foreseen_kw: Floats
    """Net without batteries as plans counted on it hours before, shape (slots,)."""
    import_per_kwh: Floats | None = None
    """Shape (slots,); None without a tariff, here and below."""
    export_per_kwh: Floats | None = None
    co2_per_kwh: Floats | None = None
    """Price of the CO2 of an imported kWh: it counts in the regret, and in no cost."""
    away: Mapping[str, Bools] = field(default_factory=dict)
    """Where the plan did not have a battery, by why, shape (batteries, slots)."""
    limited: Bools
    """Where a limit left a battery less than was wanted, shape (batteries, slots)."""
    silent: Mapping[str, int] = field(default_factory=dict)
    """Slots in which it is not known what a plant gave, by its id."""
    unknown: tuple[str, ...] = ()
    """Batteries whose stored energy nobody knows: taken as they were."""
    bad_from: float
    """Regret, as ``Reached.regret_part``, above which the day is a bad one."""


class Cause(StrEnum):
    """Whom regret is put down to."""

    FORECAST = "forecast"
    DEVICE = "device"
    LIMIT = "limit"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What the day came to, over its measured slots; ratios are None over nothing."""

    self_consumption: float | None
    self_sufficiency: float | None
    demand_kwh: float
    renewable_kwh: float
    """What the sun could have given."""
    import_kwh: float
    export_kwh: float
    peak_kw: float
    """Highest mean import of a slot."""
    cost: float | None
    """Of energy at the boundary, export paid for; None without a tariff."""
    currency: str
    regret: float
    """How much more than foresight needed, in ``unit``."""
    unit: str
    """``kWh`` of import with stored energy credited, or a currency."""
    regret_part: float
    """Of what all demand from the grid would have come to."""
    causes: Mapping[Cause, float]
    """What the regret is put down to, in ``unit``."""
    notes: Mapping[Cause, str]
    """What was seen, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayScore:
    """One pool's day, judged or not."""

    pool: PoolId
    date: date
    order: Order
    completeness: float
    """Part of the day that was measured, 0..1."""
    reached: Reached | None
    """None where the day is not judged."""
    unjudged: str = ""
    """Why not."""
    bad_from: float

    @property
    def bad(self) -> bool:
        return self.reached is not None and self.reached.regret_part > self.bad_from

    @property
    def sentence(self) -> str:
        """The day in one sentence."""
        head = f"{self.date:%a %d %b}"
        if self.reached is None:
            return f"{head} is not judged: {self.unjudged}"
        of = self.reached
        lost = "lost, import less what is stored," if of.unit == "kWh" else "more paid"
        told = ", ".join(_told(of, cause) for cause in _by_size(of.causes))
        return (
            f"{head}: {of.regret:z,.1f} {of.unit} {lost} against perfect foresight,"
            f" {100 * of.regret_part:z.1f} % of demand{': ' + told if told else ''}"
        )


def _by_size(causes: Mapping[Cause, float]) -> list[Cause]:
    least = 0.01 * sum(causes.values())
    return sorted((c for c in causes if causes[c] > least), key=lambda c: -causes[c])


def _told(of: Reached, cause: Cause) -> str:
    note = of.notes.get(cause, "")
    return f"{cause} {of.causes[cause]:,.1f} {of.unit}{f' ({note})' if note else ''}"
