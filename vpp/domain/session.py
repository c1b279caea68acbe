"""A car at a connector, as far as anybody knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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
    max_kw: float = 0.0
    provenance: Mapping[str, Provenance] = field(default_factory=dict)
    """By field name."""
