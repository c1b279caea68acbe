"""What hydrogen and heat are asked for: by the hour of the local day, and by appointment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.slots import SlotGrid
from vpp.domain.tariff import QUARTER_S, DayType, day_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """So much at once."""

    at: datetime
    """Aware."""
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Amounts in the unit of the store that they are asked of."""

    by_hour: Mapping[DayType, tuple[float, ...]] = field(default_factory=dict)
    """Within each of the 24 local hours, by kind of day; empty: nothing regular."""
    bookings: tuple[Booking, ...] = ()
    """Beside that."""
    time_zone: str = "UTC"
    holidays: frozenset[date] = frozenset()

    def on(self, grid: SlotGrid) -> Floats:
        """Asked for within each slot, shape (slots,)."""
        asked = self._regular(grid) if self.by_hour else np.zeros(len(grid))
        for booking in self.bookings:
            if (slot := grid.index(booking.at)) is not None:
                asked[slot] += booking.amount
        return asked

    def _regular(self, grid: SlotGrid) -> Floats:
        """Local hours begin on whole quarter hours of UTC, wherever it is."""
        edges_s = grid.edges_s
        quarters = np.arange(np.ceil(edges_s[0] / QUARTER_S), np.ceil(edges_s[-1] / QUARTER_S))
        pieces = np.union1d(edges_s, quarters * QUARTER_S)
        per_h = np.array([self._per_h(float(s)) for s in pieces[:-1]])
        slot = np.searchsorted(pieces, edges_s[:-1])
        return np.asarray(np.add.reduceat(per_h * np.diff(pieces) / 3600.0, slot))

    def _per_h(self, at_s: float) -> float:
        local = datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(self.time_zone))
        return self.by_hour[day_type(local.date(), self.holidays)][local.hour]
