"""What a planner is asked on: everything beside the portfolio that is known and expected now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from vpp.control.billing import Billing
from vpp.control.limits_ahead import NodeLimit
from vpp.domain.arrays import Floats
from vpp.domain.capability import SharedLimit
from vpp.domain.forecast import Forecast
from vpp.domain.held import Held
from vpp.domain.ids import AssetId, SiteId
from vpp.domain.lately import Lately
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.slots import SlotGrid
from vpp.domain.snapshot import Snapshot

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """Everything beside the portfolio that a problem is made of."""

    snapshot: Snapshot
    grid: SlotGrid
    """Begins now: its first slot is what is left of the running one."""
    forecasts: Mapping[tuple[str, Quantity], Forecast]
    """Site load (``POWER_KW``), site PV (``AVAILABLE_KW``), charger demand (``POWER_KW``), slot by
    slot of the grid, or of one whose first slot began earlier."""
    writable: frozenset[AssetId]
    """Assets that may be commanded now; any other is forecast load and never promised."""
    followed: frozenset[AssetId] = frozenset()
    """Converters of hydrogen and heat that do what the plan says."""
    air_c: Floats | None = None
    """Air temperature foreseen, shape (slots,), NaN where it is not; None without any."""
    held: Held | None = None
    """What the pool's tick believes of its storages; None: their readings count."""
    shared_limits: Sequence[SharedLimit] = ()
    billing: Billing = field(default_factory=Billing)
    lately: Lately | None = None
    largest_kw: float | None = None
    """Highest unmanaged net measured in the last 28 days; None before the first."""
    last: Plan | None = None
    left_kw: tuple[Floats, Floats] | None = None
    """Least and most net, shape (slots,) each, that the nodes above leave the pool."""
    contract_left_kw: tuple[Floats, Floats] | None = None
    """The same by the contracts of the nodes above: a preference."""
    limits: Collection[NodeLimit] = ()
    """What somebody above the plan wants of nodes now."""
    deadline_s: float = 20.0


def assets_of(portfolio: Portfolio, sites: Sequence[SiteId], kind: type[Kind]) -> list[Kind]:
    """The sites' assets of one kind, in the order of the sites."""
    ids = (asset for site in sites for asset in portfolio.assets_of_site[site])
    return [asset for i in ids if isinstance(asset := portfolio.assets[i], kind)]
