"""Hydrogen and heat as a city states them: what stores, what makes and what draws on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import ClassVar

from vpp.domain.asset import AssetKind, Sited, fraction, positive
from vpp.domain.capability import AllowedSet, Interval
from vpp.domain.demand import Demand
from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId
from vpp.domain.stores import Substance


@dataclass(frozen=True, slots=True, kw_only=True)
class _Store(Sited):
    loss_per_h: float = 0.0
    """Part of the content lost in an hour."""
    demand: Demand = field(default_factory=Demand)
    """In the unit of the content."""

    @property
    def rated(self) -> AllowedSet:
        return AllowedSet.between(0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HydrogenStore(_Store):
    """A tank, with what its filling station is asked for. ``soc`` 0..1 spans ``capacity_kg``."""

    kind: ClassVar[AssetKind] = AssetKind.HYDROGEN_STORE
    substance: ClassVar[Substance] = Substance.HYDROGEN
    capacity_kg: float
    least_kg: float = 0.0
    """Kept in store."""
    dispensing_kwh_per_kg: float = 0.0
    """Compression and cooling of what is dispensed."""

    def __post_init__(self) -> None:
        _check_store(self.id, self.capacity_kg, self.least_kg, self.loss_per_h)

    @property
    def capacity(self) -> float:
        return self.capacity_kg

    @property
    def least(self) -> float:
        return self.least_kg


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalStore(_Store):
    """Hot water or the like, with the heat that is asked of it. ``soc`` spans ``capacity_kwh``."""

    kind: ClassVar[AssetKind] = AssetKind.THERMAL_STORE
    substance: ClassVar[Substance] = Substance.HEAT
    capacity_kwh: float
    least_kwh: float = 0.0
    """Kept in store."""

    def __post_init__(self) -> None:
        _check_store(self.id, self.capacity_kwh, self.least_kwh, self.loss_per_h)

    @property
    def capacity(self) -> float:
        return self.capacity_kwh

    @property
    def least(self) -> float:
        return self.least_kwh


@dataclass(frozen=True, slots=True, kw_only=True)
class _Converter(Sited):
    store: AssetId
    """Which it fills or draws on."""
    max_kw: float
    """Electrical, here and below."""
    min_kw: float = 0.0
    """Below it the converter only stands still."""
    standby_kw: float = 0.0
    """Drawn while it stands still."""
    ramp_kw_per_min: float = inf
    start_kwh: float = 0.0
    """Energy that a start wastes."""
    start_cost: float = 0.0

    def __post_init__(self) -> None:
        positive(self.id, max_kw=self.max_kw, ramp_kw_per_min=self.ramp_kw_per_min)
        if not 0 <= self.min_kw <= self.max_kw:
            raise InvariantError(
                f"asset {self.id}: min_kw is {self.min_kw:g}, expected 0..{self.max_kw:g}"
            )
        if self.standby_kw and not 0 < self.standby_kw < self.min_kw:
            raise InvariantError(
                f"asset {self.id}: standby_kw is {self.standby_kw:g}, expected less than min_kw,"
                f" {self.min_kw:g}"
            )
        if self.start_kwh + self.start_cost > 0 and not self.min_kw > 0:
            raise InvariantError(
                f"asset {self.id}: a start has a price, so min_kw must be more than 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Electrolyser(_Converter):
    """Makes hydrogen, with its compressor: both are its power."""

    kind: ClassVar[AssetKind] = AssetKind.ELECTROLYSER
    substance: ClassVar[Substance] = Substance.HYDROGEN
    kwh_per_kg: float = 55.0
    """At full power."""
    compressor_kwh_per_kg: float = 0.0
    at_part_load: tuple[tuple[float, float], ...] = ()
    """Power and kWh per kg there, rising in power."""

    def __post_init__(self) -> None:
        _Converter.__post_init__(self)
        positive(self.id, kwh_per_kg=self.kwh_per_kg)
        _check_curve(self.id, self.curve)

    @property
    def rated(self) -> AllowedSet:
        return AllowedSet.off_or_between(self.min_kw, self.max_kw)

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Power and kg per hour there."""
        points = (*self.at_part_load, (self.max_kw, self.kwh_per_kg))
        return tuple((kw, kw / (each + self.compressor_kwh_per_kg)) for kw, each in points)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPump(_Converter):
    """Makes heat of electricity and of what is around it."""

    kind: ClassVar[AssetKind] = AssetKind.HEAT_PUMP
    substance: ClassVar[Substance] = Substance.HEAT
    cop: float
    """kWh of heat per kWh at full power, at ``cop_at_c``."""
    at_part_load: tuple[tuple[float, float], ...] = ()
    """Power and COP there, rising in power."""
    cop_per_c: float = 0.0
    """By how much the COP rises with a degree outdoors; 0 for a source that keeps its warmth."""
    cop_at_c: float = 7.0

    def __post_init__(self) -> None:
        _Converter.__post_init__(self)
        positive(self.id, cop=self.cop)
        _check_curve(self.id, self.curve)

    @property
    def rated(self) -> AllowedSet:
        return AllowedSet.off_or_between(self.min_kw, self.max_kw)

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Power and kW of heat there."""
        return tuple((kw, kw * cop) for kw, cop in (*self.at_part_load, (self.max_kw, self.cop)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FuelCell(_Converter):
    """Makes electricity of hydrogen."""

    kind: ClassVar[AssetKind] = AssetKind.FUEL_CELL
    substance: ClassVar[Substance] = Substance.HYDROGEN
    kwh_per_kg: float = 16.0
    """Of electricity, at full power."""
    at_part_load: tuple[tuple[float, float], ...] = ()
    """Power and kWh per kg there, rising in power."""

    def __post_init__(self) -> None:
        _Converter.__post_init__(self)
        positive(self.id, kwh_per_kg=self.kwh_per_kg)
        _check_curve(self.id, self.curve)

    @property
    def rated(self) -> AllowedSet:
        return _giving(self)

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Power and kg per hour there, negative: they are drawn."""
        points = (*self.at_part_load, (self.max_kw, self.kwh_per_kg))
        return tuple((kw, -kw / each) for kw, each in points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chp(_Converter):
    """Makes electricity and heat of a fuel."""

    kind: ClassVar[AssetKind] = AssetKind.CHP
    substance: ClassVar[Substance] = Substance.HEAT
    heat_per_kwh: float
    """kWh of heat per kWh of electricity, at full power."""
    at_part_load: tuple[tuple[float, float], ...] = ()
    """Power and heat per kWh there, rising in power."""
    fuel_per_kwh: float = 0.0
    """Price of the fuel for a kWh of electricity."""
    fuel_kg_per_kwh: float = 0.0
    """CO2 of the fuel for a kWh of electricity."""
    renewable: bool = False
    """Its fuel is local and renewable: what it gives is no import."""

    def __post_init__(self) -> None:
        _Converter.__post_init__(self)
        positive(self.id, heat_per_kwh=self.heat_per_kwh)
        _check_curve(self.id, self.curve)

    @property
    def rated(self) -> AllowedSet:
        return _giving(self)

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Power and kW of heat there."""
        points = (*self.at_part_load, (self.max_kw, self.heat_per_kwh))
        return tuple((kw, kw * heat) for kw, heat in points)


Store = HydrogenStore | ThermalStore
Converter = Electrolyser | HeatPump | FuelCell | Chp


def segments(converter: Converter) -> tuple[list[float], list[float]]:
    """Widths in kW, and units of content per kWh in each, of the power beyond ``rest_kw``."""
    rest = rest_kw(converter)
    curve = [(0.0, 0.0), *converter.curve]
    if rest and curve[1][0] > converter.min_kw > 0:
        (_, _), (kw, made) = curve[0], curve[1]
        curve.insert(1, (converter.min_kw, made * converter.min_kw / kw))
    shifted = [(0.0, 0.0), *((kw - rest, made) for kw, made in curve[1:])]
    pieces = list(pairwise(shifted))
    widths = [end[0] - begin[0] for begin, end in pieces]
    return widths, [(end[1] - begin[1]) / (end[0] - begin[0]) for begin, end in pieces]


def rest_kw(converter: Converter) -> float:
    """What its power is counted from: what it draws at rest, which running it takes the place of.

    A CHP is taken to draw it always.
    """
    if isinstance(converter, Chp):
        return 0.0
    return -converter.standby_kw if gives(converter) else converter.standby_kw


def gives(converter: Converter) -> bool:
    """Whether electricity comes out of it."""
    return isinstance(converter, FuelCell | Chp)


def _giving(converter: FuelCell | Chp) -> AllowedSet:
    if converter.min_kw > 0:
        running = Interval(lo_kw=-converter.max_kw, hi_kw=-converter.min_kw)
        return AllowedSet(intervals=(running, Interval(lo_kw=0.0, hi_kw=0.0)))
    return AllowedSet.between(-converter.max_kw, 0.0)


def _check_store(asset: AssetId, capacity: float, least: float, loss_per_h: float) -> None:
    positive(asset, capacity=capacity)
    fraction(asset, loss_per_h=loss_per_h)
    if not 0 <= least <= capacity:
        raise InvariantError(
            f"asset {asset}: the least to be kept is {least:g}, expected 0..{capacity:g}"
        )


def _check_curve(asset: AssetId, curve: Sequence[tuple[float, float]]) -> None:
    """Rising in power, and no better at a higher one than at a lower one."""
    before, slope = (0.0, 0.0), inf
    for kw, made in curve:
        if not kw > before[0]:
            raise InvariantError(
                f"asset {asset}: at_part_load goes from {before[0]:g} to {kw:g} kW, expected rising"
                " powers below max_kw"
            )
        next_slope = (made - before[1]) / (kw - before[0])
        if next_slope > slope + 1e-9 * abs(next_slope):
            raise InvariantError(
                f"asset {asset}: beyond {before[0]:g} kW a kWh does more than below it; a plan"
                " takes the better part first, so leave that point of at_part_load out"
            )
        before, slope = (kw, made), next_slope
