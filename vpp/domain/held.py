"""What storages hold, as an interval: no single source is believed alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vpp.domain.arrays import Bools, Floats
from vpp.domain.ids import AssetId


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """Arrays of shape (assets,), kWh above empty; NaN for what stores nothing or is not known."""

    assets: tuple[AssetId, ...]
    lo_kwh: Floats
    hi_kwh: Floats
    capacity_kwh: Floats
    """What its health leaves of the rated one."""

    @cached_property
    def known(self) -> Bools:
        return np.isfinite(self.lo_kwh) & np.isfinite(self.hi_kwh)

    @cached_property
    def by_asset(self) -> Mapping[AssetId, tuple[float, float]]:
        """Middle of the interval and capacity of every storage that is known."""
        middle_kwh = (self.lo_kwh + self.hi_kwh) / 2
        return {
            self.assets[i]: (float(middle_kwh[i]), float(self.capacity_kwh[i]))
            for i in np.flatnonzero(self.known).tolist()
        }
