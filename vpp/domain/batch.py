"""What one read or one message brought: columnar, in house units, quality on every value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vpp.domain.arrays import Floats, frozen, require_shape
from vpp.domain.device_alarm import DeviceAlarm
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.points import Point
from vpp.domain.session import EvSession


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Values that belong together because they were measured together."""

    device: DeviceId
    points: tuple[Point, ...]
    """One and the same tuple object for every batch of the same shape, so that receivers can cache
    by identity."""
    values: Floats
    """Shape (points,), house units; NaN where the quality is MISSING."""
    quality: npt.NDArray[np.uint8]
    """Shape (points,), ``Quality`` values."""
    arrived_s: float
    """City monotonic time of arrival: what ages are counted from."""
    measured_s: float
    """City monotonic time at which the device measured, at most ``arrived_s``.

    Equal to it where the device does not say.
    """
    sessions: Mapping[AssetId, EvSession | None] = field(default_factory=dict)
    """Connectors whose session changed; None: unplugged."""
    alarms: tuple[DeviceAlarm, ...] | None = None
    """All that the device now complains of; None: the batch does not say."""
    boot: int | None = None
    """Tells the lives of the device apart; None: the batch does not say."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(self.values))
        require_shape("values", self.values, (len(self.points),))
        require_shape("quality", self.quality, (len(self.points),))
