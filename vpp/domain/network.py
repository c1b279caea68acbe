"""The grid as a tree of nodes with limits, and what measures it."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId, MeterId, NodeId, PoolId, SiteId, TariffId


class Layer(StrEnum):
    """Who states a limit. The tightest holds, and the layer says which one it was."""

    NAMEPLATE = "nameplate"
    """The device itself, or its profile: what it can bear for ever."""
    CONFIGURED = "configured"
    """The city file."""
    LIVE = "live"
    """The device, of what it can do now."""
    GRID = "grid"
    """The grid operator, for as long as he says."""


class Unit(StrEnum):
    """What a limit is stated in."""

    KW = "kw"
    KVA = "kva"
    A_PER_PHASE = "a_per_phase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What may flow through a node at most, both directions as magnitudes."""

    import_max: float = math.inf
    export_max: float = math.inf
    unit: Unit = Unit.KW
    layer: Layer = Layer.CONFIGURED
    source: str = "configuration"
    hard: bool = True
    """A rating is hard, a contract is soft: it has a price, not a breaker."""
    power_factor: float = 0.95
    """By which a limit in kVA counts as kW: the reactive part of the residual is not measured."""

    def __post_init__(self) -> None:
        for name in ("import_max", "export_max"):
            value = getattr(self, name)
            if math.isnan(value) or value < 0:
                raise InvariantError(
                    f"limit from {self.source}: {name} is {value}, expected 0 or more"
                )
        if not 0 < self.power_factor <= 1:
            raise InvariantError(
                f"limit from {self.source}: power_factor is {self.power_factor}, expected 0..1"
            )

    @property
    def in_kw(self) -> "Limit | None":
        """What it leaves as power: kVA at the power factor; None for a current."""
        match self.unit:
            case Unit.KW:
                return self
            case Unit.KVA:
                return replace(
                    self,
                    import_max=self.import_max * self.power_factor,
                    export_max=self.export_max * self.power_factor,
                    unit=Unit.KW,
                    source=f"{self.source} at power factor {self.power_factor:g}",
                )
            case Unit.A_PER_PHASE:
                return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tightest:
    """Of several limits that which holds in each direction, in kW."""

    imports: Limit
    exports: Limit

    @property
    def import_max(self) -> float:
        return self.imports.import_max

    @property
    def export_max(self) -> float:
        return self.exports.export_max


class Sharing(StrEnum):
    """How a node above the pools shares what it may have among its members."""

    PRO_RATA = "pro_rata"
    """To what each asks above its guaranteed minimum."""
    IN_ORDER = "in_order"
    """The first of the city file gets all that it asks before the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridNode:
    """A feeder, transformer, street cabinet or site connection. The root's parent is None."""

    id: NodeId
    parent: NodeId | None = None
    settles: bool = False
    """Whether energy is accounted here: the sites beneath form a pool."""
    limits: tuple[Limit, ...] = ()
    tariff: TariffId | None = None
    """Tariff of the boundary; only on nodes that settle."""
    fee_per_kwh: float = 0.0
    """Local grid fee on what members of the pool import from one another."""
    sharing: Sharing = Sharing.PRO_RATA

    def tightest_kw(self, *, hard: bool) -> Tightest:
        """The tightest limits of this hardness over all layers in kW, those in kVA counted too.

        Unlimited where none is stated. Amperes per phase are no power: the safety core holds them.
        """
        stated = [
            kw for limit in self.limits if limit.hard is hard and (kw := limit.in_kw) is not None
        ]
        none = Limit(hard=hard)
        return Tightest(
            imports=min(stated, key=lambda limit: limit.import_max, default=none),
            exports=min(stated, key=lambda limit: limit.export_max, default=none),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything behind one grid connection; ``node`` is that connection, a leaf of the tree."""

    id: SiteId
    node: NodeId
    name: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """All sites beneath one node that settles; its ``net_kw`` is the controlled quantity."""

    id: PoolId
    node: NodeId
    sites: tuple[SiteId, ...]


class MeterRole(StrEnum):
    """What a meter measures."""

    BOUNDARY = "boundary"
    """Measures a node that settles."""
    SITE = "site"
    """Measures a site's grid connection."""
    FEEDER = "feeder"
    """Measures an inner node."""
    SUB = "sub"
    """Measures a named set of assets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Measures a node, or the sum of a set of assets; positive is import, or into the assets."""

    id: MeterId
    role: MeterRole
    node: NodeId | None = None
    assets: tuple[AssetId, ...] = ()
    rank: int = 0
    """0 is the primary meter of its node, 1 the first substitute, and so on."""

    def __post_init__(self) -> None:
        if (self.node is None) == (not self.assets):
            raise InvariantError(f"meter {self.id} must measure either a node or a set of assets")
