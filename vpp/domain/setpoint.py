"""What an asset is told to do, always with an end, an owner and a reason."""

import math
from dataclasses import dataclass
from enum import StrEnum

from vpp.domain.capability import Form
from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId

SHORTEST_LIFE_S, LONGEST_LIFE_S, USUAL_LIFE_S = 10.0, 900.0, 60.0


class ReferencePoint(StrEnum):
    """Where the power of a setpoint is meant."""

    ASSET_AC = "asset_ac"
    ASSET_DC = "asset_dc"
    SITE_CONNECTION = "site_connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setpoint:
    """Positive is into the asset; ``lo_kw`` = ``hi_kw`` for a target, a ceiling has one bound."""

    asset: AssetId
    form: Form
    lo_kw: float = -math.inf
    hi_kw: float = math.inf
    reference: ReferencePoint = ReferencePoint.ASSET_AC
    expires_s: float
    """City monotonic time after which it is void and the device is in its safe state."""
    owner: str
    reason: str

    def __post_init__(self) -> None:
        if not self.lo_kw <= self.hi_kw:
            raise InvariantError(
                f"setpoint for {self.asset}: bounds [{self.lo_kw}, {self.hi_kw}] kW"
                " are empty or not numbers"
            )
        if self.form is Form.TARGET and not (
            self.lo_kw == self.hi_kw and math.isfinite(self.lo_kw)
        ):
            raise InvariantError(f"setpoint for {self.asset}: a target needs one finite power")

    @property
    def target_kw(self) -> float:
        """The power of a target; 0 for stop."""
        return 0.0 if self.form is Form.STOP else self.lo_kw

    def same_as(self, other: "Setpoint | None", tolerance_kw: float = 0.0) -> bool:
        """Whether it tells the asset the same; expiry, owner and reason do not count."""
        return (
            other is not None
            and (self.asset, self.form, self.reference)
            == (other.asset, other.form, other.reference)
            and _close(self.lo_kw, other.lo_kw, tolerance_kw)
            and _close(self.hi_kw, other.hi_kw, tolerance_kw)
        )


def _close(a_kw: float, b_kw: float, tolerance_kw: float) -> bool:
    return a_kw == b_kw or abs(a_kw - b_kw) <= tolerance_kw


def target(
    asset: AssetId, power_kw: float, *, expires_s: float, owner: str, reason: str
) -> Setpoint:
    """Hold this power, positive into the asset."""
    return Setpoint(
        asset=asset,
        form=Form.TARGET,
        lo_kw=power_kw,
        hi_kw=power_kw,
        expires_s=expires_s,
        owner=owner,
        reason=reason,
    )


def ceiling(
    asset: AssetId,
    magnitude_kw: float,
    *,
    producing: bool,
    expires_s: float,
    owner: str,
    reason: str,
) -> Setpoint:
    """Take at most (``producing``: give at most) this magnitude."""
    lo_kw, hi_kw = (-magnitude_kw, math.inf) if producing else (-math.inf, magnitude_kw)
    return Setpoint(
        asset=asset,
        form=Form.CEILING,
        lo_kw=lo_kw,
        hi_kw=hi_kw,
        expires_s=expires_s,
        owner=owner,
        reason=reason,
    )
