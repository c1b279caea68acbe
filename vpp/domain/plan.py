"""A plan: the schedule, and what of it the tick gets."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from vpp.domain.arrays import Floats, frozen, require_finite, require_shape
from vpp.domain.curve import SlotCosts, ValueCurve
from vpp.domain.ids import AssetId, NodeId, PoolId
from vpp.domain.order import Order
from vpp.domain.slots import SlotGrid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """Hard bounds of grid power at one node, shape (slots,), positive is import."""

    node: NodeId
    lo_kw: Floats
    hi_kw: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Corridor:
    """Energy bounds of one battery by slot end, for service needs only; shape (slots,), kWh."""

    asset: AssetId
    lo_kwh: Floats
    hi_kwh: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Envelope:
    """Bounds on the energy an appointment has received since the plan's start, by slot end.

    Of a converter that gives power (fuel cell, CHP) both are negative or zero: energy goes out.
    """

    asset: AssetId
    appointment: str
    """Id of the session or run; of a converter the store that it fills or draws on."""
    least_kwh: Floats
    most_kwh: Floats
    worth: float
    """What one kWh given now rather than later is worth, in the unit of the order's first stage."""

    def __post_init__(self) -> None:
        for name in ("least_kwh", "most_kwh"):
            object.__setattr__(self, name, frozen(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stock:
    """Expected content of a store of hydrogen or heat, and what of its demand is served."""

    store: AssetId
    unit: str
    """Of both: kg of hydrogen, kWh of heat."""
    content: Floats
    """At each slot's end, shape (slots,)."""
    served: Floats
    """Within each slot, shape (slots,)."""

    def __post_init__(self) -> None:
        for name in ("content", "served"):
            object.__setattr__(self, name, frozen(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schedule:
    """Expected power per asset and slot: for people and appointments, never sent to storage."""

    assets: tuple[AssetId, ...]
    power_kw: Floats
    """Shape (assets, slots), mean over the slot, positive into the asset."""
    energy_kwh: Floats
    """Shape (assets, slots), stored energy at the slot's end; NaN for assets that store nothing."""
    grid_kw: Floats
    """Shape (slots,), net of the pool, positive is import."""
    stocks: tuple[Stock, ...] = ()

    def __post_init__(self) -> None:
        for name in ("power_kw", "energy_kwh", "grid_kw"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        require_shape("power_kw", self.power_kw, (len(self.assets), len(self.grid_kw)))
        require_finite("power_kw", self.power_kw)
        require_finite("grid_kw", self.grid_kw)

    def of(self, asset: AssetId) -> Floats:
        """Power of one asset, shape (slots,)."""
        return np.asarray(self.power_kw[self.assets.index(asset)])


@dataclass(frozen=True, slots=True, kw_only=True)
class StageValue:
    """What one stage of the order reached."""

    stage: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """A preference that could not be met, and the row that stood in the way."""

    what: str
    """As "EV session at hub-03"."""
    amount: float
    unit: str
    limited_by: str
    """Block and member of the limiting row, as "node feeder-south import"."""
    dual: float
    first_slot: int
    last_slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A limit that is kept, and that the plan would gain by exceeding."""

    node: NodeId
    limit: str
    """As "import contract"."""
    stage: str
    """The first that it holds back."""
    dual: float
    """What the first kWh beyond it would gain, in the slot where that is most."""
    unit: str
    first_slot: int
    last_slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Why the schedule can be believed."""

    max_violation: float
    """Largest breach of any row or bound, kW or kWh."""
    overlaps: int
    """Slots in which a battery would charge and discharge, or a site import and export, at once,
    after repair."""
    repaired: int
    """Overlaps removed by the shift that leaves stored energy as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastNote:
    """A forecast the plan stands on."""

    subject: str
    source: str
    issued_at: datetime
    input_age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why the plan is as it is."""

    planner: str
    cause: str = ""
    """Why it was made now, in words; whoever asked for it says so."""
    stages: tuple[StageValue, ...] = ()
    slacks: tuple[Slack, ...] = ()
    bindings: tuple[Binding, ...] = ()
    certificate: Certificate | None = None
    forecasts: tuple[ForecastNote, ...] = ()
    notes: tuple[str, ...] = ()
    solve_cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The answer to one problem, untrusted until it is validated against it."""

    pool: PoolId
    grid: SlotGrid
    issued_at: datetime
    order: Order
    curve: ValueCurve
    costs: SlotCosts
    bands: tuple[Band, ...] = ()
    corridors: tuple[Corridor, ...] = ()
    envelopes: tuple[Envelope, ...] = ()
    share_worth: Floats | None = None
    """What a stored kWh is worth per battery of the schedule and slot, shape (batteries, slots);
    None: hours left decide."""
    share_assets: tuple[AssetId, ...] = ()
    least_net_kw: Floats | None = None
    """The problem's: the largest surplus that the share among unlike storages leaves room for."""
    schedule: Schedule
    explanation: Explanation = field(default_factory=lambda: Explanation(planner="unknown"))
