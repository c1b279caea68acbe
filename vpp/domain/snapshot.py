"""What the daemon knows at one tick: one frozen value, arrays by asset and meter index."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vpp.domain.arrays import Floats
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, DeviceId, MeterId
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality
from vpp.domain.session import EvSession


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Positions of assets and meters in the arrays of every snapshot."""

    assets: tuple[AssetId, ...]
    meters: tuple[MeterId, ...]

    @cached_property
    def asset_at(self) -> Mapping[AssetId, int]:
        return {asset: i for i, asset in enumerate(self.assets)}

    @cached_property
    def meter_at(self) -> Mapping[MeterId, int]:
        return {meter: i for i, meter in enumerate(self.meters)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One quantity of all assets or all meters.

    Values that are not GOOD are the last good ones, for display and bounds.
    """

    values: Floats
    """NaN where nothing ever arrived."""
    quality: npt.NDArray[np.uint8]
    measured_s: Floats
    """City monotonic time of the measurement, shape like values; -inf where nothing ever
    arrived."""

    def good(self, index: int) -> float | None:
        """The value if it may enter arithmetic, else None."""
        return self.values.item(index) if self.quality.item(index) == Quality.GOOD else None


class DeviceState(NamedTuple):
    """What is known about one device, beside its values.

    A tuple, because every snapshot has a new one of every device.
    """

    online: bool = False
    authority: Authority = Authority.OBSERVE
    identified: bool = False
    """The configured identity answered since the connection was made."""
    read_back: bool = False
    """Every written asset's setpoint was read since the connection was made, or the device started
    anew; before that nothing is written."""
    read_back_s: float = -np.inf
    """City monotonic time since when that holds."""
    heard_s: float = np.inf
    """City monotonic time since when it is heard in its present connection and life, its setpoint
    known or not; inf where it is not."""
    arrived_s: float = -np.inf
    """City monotonic time of the newest batch."""
    trouble: str = ""
    """What is wrong, in the operator's words; empty while all is well."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """The world as one tick sees it; nothing in it changes afterwards."""

    tick: int
    at: datetime
    now_s: float
    """City monotonic."""
    layout: Layout
    assets: Mapping[Quantity, Column]
    meters: Mapping[Quantity, Column]
    sessions: Mapping[AssetId, EvSession | None] = field(default_factory=dict)
    devices: Mapping[DeviceId, DeviceState] = field(default_factory=dict)

    def asset(self, asset: AssetId, quantity: Quantity) -> float | None:
        """A value that may enter arithmetic, or None."""
        column = self.assets.get(quantity)
        return column.good(self.layout.asset_at[asset]) if column is not None else None

    def meter(self, meter: MeterId, quantity: Quantity = Quantity.POWER_KW) -> float | None:
        column = self.meters.get(quantity)
        return column.good(self.layout.meter_at[meter]) if column is not None else None
