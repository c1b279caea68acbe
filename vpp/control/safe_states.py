"""Each device's declared safe state, as the setpoint that brings it there; pure."""

from dataclasses import dataclass

from vpp.domain.assets import Asset, EvCharger, Pv
from vpp.domain.capability import Capability, Form
from vpp.domain.devices import SafeState
from vpp.domain.setpoint import Setpoint, ceiling, target

_TO_ZERO = (Form.STOP, Form.TARGET, Form.CEILING, Form.RELEASE)
_TO_ITSELF = (Form.RELEASE, *_TO_ZERO)
_TO_FLOOR = (Form.CEILING, Form.TARGET, Form.STOP, Form.RELEASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """Who sends a device to its safe state, and until when it is told so."""

    owner: str
    expires_s: float
    """City monotonic."""


def safe_setpoint(
    asset: Asset, safe: SafeState, capability: Capability, farewell: Farewell
) -> Setpoint:
    """The nearest to the declared state that the asset accepts.

    ``floor`` means something for cars only; any other asset goes to zero.
    """
    floor = safe is SafeState.FLOOR and isinstance(asset, EvCharger)
    wanted = _TO_ITSELF if safe is SafeState.AUTONOMOUS else _TO_FLOOR if floor else _TO_ZERO
    form = next((form for form in wanted if form in capability.forms), Form.RELEASE)
    left_kw = asset.guaranteed_kw if floor and isinstance(asset, EvCharger) else 0.0
    owner, expires_s, reason = farewell.owner, farewell.expires_s, f"safe state: {safe}"
    if form is Form.CEILING:
        return ceiling(
            asset.id,
            left_kw,
            producing=isinstance(asset, Pv),
            expires_s=expires_s,
            owner=owner,
            reason=reason,
        )
    if form is Form.TARGET:
        return target(asset.id, left_kw, expires_s=expires_s, owner=owner, reason=reason)
    return Setpoint(asset=asset.id, form=form, expires_s=expires_s, owner=owner, reason=reason)
