"""A car at a connector, as far as anybody knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from vpp.domain.assets import EvCharger, Phases
from vpp.domain.ids import AssetId


class Provenance(StrEnum):
    """Where a fact about a session comes from."""

    CAR = "car"
    DRIVER = "driver"
    STATION = "station"
    DEFAULT = "default"
    """The station's declared default, because nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvSession:
    """AC cars announce nothing: need and departure may be unknown (None)."""

    id: str
    asset: AssetId
    arrival: datetime
    departure: datetime | None = None
    need_kwh: float | None = None
    """Energy wanted over the whole session, at the AC side."""
    delivered_kwh: float = 0.0
    min_kw: float = 0.0
    """Below it the car takes nothing; 0 where nobody said."""
    max_kw: float = 0.0
    """0 where nobody said."""
    phases: int | None = None
    """On how many it charges, 1 to 3; None: on all of its station's."""
    provenance: Mapping[str, Provenance] = field(default_factory=dict)
    """By field name."""

    def fewer_phases(self, charger: EvCharger) -> int | None:
        """On how many it charges, where these are fewer than the charger has; which, is unknown."""
        three = charger.phases is Phases.THREE
        return self.phases if three and self.phases is not None and self.phases < 3 else None

    def most_kw(self, charger: EvCharger) -> float:
        """What it takes at most: as said, else what the charger gives on as many phases."""
        return self.max_kw or charger.max_kw * (self.fewer_phases(charger) or 3) / 3

    def floor_kw(self, charger: EvCharger) -> float:
        """The least that may be offered beside nothing: the station's floor, or its own above."""
        return min(max(charger.floor_kw, self.min_kw), charger.max_kw)
