"""What a planner is asked: one pool over one horizon, as arrays.

Axes: sites S, nodes N (parents before children), batteries B, PV plants G, EV sessions V, slots T;
stores and converters have their own, see ``vpp.domain.stores``.
Powers in kW are magnitudes where the name says what they are (load, available, charge, discharge);
energies in kWh are usable energy above empty.
"""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from vpp.domain.arrays import Floats, Ints, frozen, frozen_ints
from vpp.domain.errors import ProblemRejected
from vpp.domain.ids import AssetId, NodeId, PoolId, SiteId
from vpp.domain.lately import Lately
from vpp.domain.order import Goals
from vpp.domain.plan import ForecastNote, Schedule
from vpp.domain.slots import SlotGrid
from vpp.domain.stores import Converters, Stores, contradictions

_NODE_FIELDS = (
    "import_kw", "export_kw", "contract_import_kw", "contract_export_kw", "margin_import_kw",
    "margin_export_kw",
)  # fmt: skip
_BATTERY_FIELDS = (
    "capacity_kwh", "charge_kw", "discharge_kw", "eta_charge", "eta_discharge", "energy_kwh",
    "min_kwh", "max_kwh", "reserve_kwh", "wear_per_kwh",
)  # fmt: skip
_PRICE_FIELDS = ("import_per_kwh", "export_per_kwh", "co2_kg_per_kwh")


NO_CURRENCY = "money"
"""Where nobody says which."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nodes:
    """The tree beneath and including the pool's node, and its limits per slot."""

    ids: tuple[NodeId, ...]
    parent: Ints
    """Shape (N,), index of the parent, -1 at the pool's node, which comes first."""
    import_kw: Floats
    """Hard rating, shape (N, T), magnitude, inf where none."""
    export_kw: Floats
    contract_import_kw: Floats
    """Soft limit, shape (N, T), inf where none."""
    contract_export_kw: Floats
    margin_import_kw: Floats = field(default_factory=lambda: np.zeros(()))
    """Kept beneath the contract where something else than the base load can give way, shape (N, T)
    or one for all: by so much the forecasts may be wrong."""
    margin_export_kw: Floats = field(default_factory=lambda: np.zeros(()))

    def __post_init__(self) -> None:
        object.__setattr__(self, "parent", frozen_ints(self.parent))
        for name in _NODE_FIELDS:
            given = getattr(self, name)
            if name.startswith("margin"):
                given = np.broadcast_to(given, self.import_kw.shape)
            object.__setattr__(self, name, frozen(given))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batteries:
    """Shape (B,) each, but for the bounds."""

    ids: tuple[AssetId, ...]
    site: Ints
    """Index into the sites."""
    capacity_kwh: Floats
    charge_kw: Floats
    discharge_kw: Floats
    eta_charge: Floats
    eta_discharge: Floats
    energy_kwh: Floats
    """At the start of the horizon; may lie outside the bounds."""
    min_kwh: Floats
    max_kwh: Floats
    reserve_kwh: Floats
    """Kept for back-up, elastic; at least ``min_kwh``."""
    wear_per_kwh: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "site", frozen_ints(self.site))
        for name in _BATTERY_FIELDS:
            object.__setattr__(self, name, frozen(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PvPlants:
    """Shape (G,) each, but for the power."""

    ids: tuple[AssetId, ...]
    site: Ints
    available_kw: Floats
    """Shape (G, T), magnitude."""
    curtailable: tuple[bool, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "site", frozen_ints(self.site))
        object.__setattr__(self, "available_kw", frozen(self.available_kw))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvSessions:
    """Sessions known now, with their needs as far as known or declared."""

    ids: tuple[str, ...]
    assets: tuple[AssetId, ...]
    site: Ints
    need_kwh: Floats
    """Still to be delivered by the departure, shape (V,)."""
    max_kw: Floats
    """Shape (V, T), 0 outside the stay; a slot the car leaves within counts with its part."""
    guaranteed_kw: Floats
    """Shape (V, T), what the session gets whatever the plan says (unknown departure), 0 else."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "site", frozen_ints(self.site))
        for name in ("need_kwh", "max_kw", "guaranteed_kw"):
            object.__setattr__(self, name, frozen(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedRating:
    """An AC rating shared within a device: ``-out_kw <= charge - discharge - pv <= in_kw``."""

    batteries: Ints
    pv: Ints
    in_kw: float
    out_kw: float

    def __post_init__(self) -> None:
        for name in ("batteries", "pv"):
            object.__setattr__(self, name, frozen_ints(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """At the pool's boundary, known ahead; shape (T,) each."""

    import_per_kwh: Floats
    export_per_kwh: Floats
    co2_kg_per_kwh: Floats
    fee_per_kwh: float = 0.0
    """Local fee on what a site imports."""
    peak_per_kw: float = 0.0
    """Demand charge per kW of the highest billing-interval mean."""
    peak_paid_kw: float = 0.0
    """Highest mean that is billed already, by this period or by a ratchet; a plan below it saves
    nothing."""
    peak_reached_kw: float = 0.0
    """Highest mean of the last year; where no peak is billed, what is beyond it is a new one."""
    billing_interval_s: float = 900.0
    running_import_kw: float = 0.0
    """Mean import so far in the running billing interval."""
    running_part: float = 0.0
    """Part of the running billing interval that is past, 0..1."""
    currency: str = NO_CURRENCY
    """ISO 4217 code of everything above."""

    def __post_init__(self) -> None:
        for name in _PRICE_FIELDS:
            object.__setattr__(self, name, frozen(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForeseenNet:
    """The pool's uncontrolled net with its distribution; shape (T,) each.

    Cars that will come are part of it, those that are there are not.
    """

    middle_kw: Floats
    """Expected."""
    spread_kw: Floats
    """Standard deviation of the forecast's error."""
    persistence: float | None = None
    """Correlation of the error with that an hour later, 0..1; None where nobody says."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "middle_kw", frozen(self.middle_kw))
        object.__setattr__(self, "spread_kw", frozen(self.spread_kw))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Checked when it is made: what contradicts itself raises ProblemRejected."""

    pool: PoolId
    issued_at: datetime
    grid: SlotGrid
    goals: Goals
    sites: tuple[SiteId, ...]
    site_node: Ints
    """Index of each site's connection in ``nodes``, shape (S,)."""
    nodes: Nodes
    load_kw: Floats
    """Uncontrolled demand, shape (S, T); the demand of assets that may not be written counts
    here, and what converters draw standing still."""
    batteries: Batteries
    pv: PvPlants
    sessions: EvSessions
    shared: tuple[SharedRating, ...] = ()
    stores: Stores = field(default_factory=lambda: Stores.none(0))
    """Hydrogen and heat; none where nothing is said."""
    converters: Converters = field(default_factory=lambda: Converters.none(0))
    prices: Prices
    net_low_kw: Floats | None = None
    """10 % quantile of the pool's uncontrolled net, shape (T,); None where the forecast has no
    distribution."""
    net_high_kw: Floats | None = None
    foreseen: ForeseenNet | None = None
    """None where nobody foresees the pool as a whole."""
    least_net_kw: Floats | None = None
    """The uncontrolled net under the clearest sky seen lately and at the load's 10 % quantile,
    shape (T,); None where a site's forecast does not say."""
    lately: Lately | None = None
    """The unmanaged net of the last 28 days; None in the first 7 days."""
    largest_kw: float | None = None
    """The highest of it, also in the first 7 days; None before anything was measured."""
    last_schedule: Schedule | None = None
    last_grid: SlotGrid | None = None
    forecasts: tuple[ForecastNote, ...] = ()
    deadline_s: float = 20.0
    extra: tuple[str, ...] = field(default=())
    """Notes for the explanation, such as assets left out and why."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "site_node", frozen_ints(self.site_node))
        object.__setattr__(self, "load_kw", frozen(self.load_kw))
        slots = len(self.grid)
        if not self.stores.ids:
            object.__setattr__(self, "stores", Stores.none(slots))
        if not self.converters.ids:
            object.__setattr__(self, "converters", Converters.none(slots))
        check(self)

    @property
    def net_kw(self) -> Floats:
        """Uncontrolled net of the pool, shape (T,): load minus all available PV."""
        return np.asarray(self.load_kw.sum(0) - self.pv.available_kw.sum(0))


def check(problem: Problem) -> None:
    """Raise ProblemRejected where the input contradicts itself, with field, place and values."""
    for name, (array, shape) in _expected_shapes(problem).items():
        _check_array(name, array, shape)
    for b, asset in enumerate(problem.batteries.ids):
        low, high = problem.batteries.min_kwh[b], problem.batteries.max_kwh[b]
        if low > high:
            raise ProblemRejected(f"batteries.min_kwh of {asset} is {low}, above max_kwh {high}")
    sessions = problem.sessions
    for v, slot in np.argwhere(sessions.guaranteed_kw > sessions.max_kw + 1e-9):
        raise ProblemRejected(
            f"sessions.guaranteed_kw of {sessions.ids[v]} in slot {slot} is"
            f" {sessions.guaranteed_kw[v, slot]}, above max_kw {sessions.max_kw[v, slot]}"
        )
    if problem.stores.ids or problem.converters.ids:
        found = contradictions(
            problem.stores, problem.converters, len(problem.sites), len(problem.grid)
        )
        if said := "; ".join(found):
            raise ProblemRejected(said)


def _expected_shapes(problem: Problem) -> dict[str, tuple[Floats | Ints, tuple[int, ...]]]:
    slots, nodes = len(problem.grid), len(problem.nodes.ids)
    batteries, sessions = len(problem.batteries.ids), len(problem.sessions.ids)
    shapes: dict[str, tuple[Floats | Ints, tuple[int, ...]]] = {
        "site_node": (problem.site_node, (len(problem.sites),)),
        "load_kw": (problem.load_kw, (len(problem.sites), slots)),
        "nodes.parent": (problem.nodes.parent, (nodes,)),
        "batteries.site": (problem.batteries.site, (batteries,)),
        "pv.available_kw": (problem.pv.available_kw, (len(problem.pv.ids), slots)),
        "sessions.need_kwh": (problem.sessions.need_kwh, (sessions,)),
        "sessions.max_kw": (problem.sessions.max_kw, (sessions, slots)),
        "sessions.guaranteed_kw": (problem.sessions.guaranteed_kw, (sessions, slots)),
    }
    if problem.foreseen is not None:
        shapes |= {
            "foreseen.middle_kw": (problem.foreseen.middle_kw, (slots,)),
            "foreseen.spread_kw": (problem.foreseen.spread_kw, (slots,)),
        }
    for part, fields, shape in (
        ("nodes", _NODE_FIELDS, (nodes, slots)),
        ("batteries", _BATTERY_FIELDS, (batteries,)),
        ("prices", _PRICE_FIELDS, (slots,)),
    ):
        held = getattr(problem, part)
        shapes |= {f"{part}.{field}": (getattr(held, field), shape) for field in fields}
    return shapes


_MAY_BE_NEGATIVE = (
    "foreseen.middle",
    "prices.",
    "site_node",
    "nodes.parent",
    "batteries.site",
    "batteries.energy",
)


def _check_array(name: str, array: Floats | Ints, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ProblemRejected(f"{name} has shape {array.shape}, expected {shape}")
    may_be_infinite = name.startswith("nodes.") and "margin" not in name
    bad = np.isnan(array) if may_be_infinite else ~np.isfinite(array)
    if not name.startswith(_MAY_BE_NEGATIVE):
        bad |= array < 0
    if bad.any():
        first = np.argwhere(bad)[0]
        place, value = [int(i) for i in first], array[tuple(first)]
        raise ProblemRejected(f"{name}{place} is {value}, expected a number of 0 or more")
