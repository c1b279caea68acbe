"""What a device of the convention promises, from its assets' ratings and its own description."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.mqtt.messages import MetaMessage
from vpp.domain.assets import Asset, Battery, EvCharger, Load, Pv
from vpp.domain.capability import AllowedSet, Capability, Form, Interval, union
from vpp.domain.devices import Device
from vpp.domain.errors import InvariantError, WrongDevice
from vpp.domain.facts import Confirm, DeviceFacts
from vpp.domain.ids import AssetId

REFRESH_S = 10.0
CONFIRM = Confirm(tolerance_kw=0.1, within_s=5.0)
RESOLUTION_KW = 0.1
_CHARGER = frozenset({Form.CEILING, Form.TARGET, Form.RELEASE, Form.STOP})
_STORAGE = frozenset({Form.TARGET, Form.WINDOW, Form.RELEASE, Form.STOP})
_SUN = frozenset({Form.CEILING, Form.RELEASE, Form.STOP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How the device's assets follow a command, city seconds."""

    period_s: float = 1.0
    """Of the telemetry."""
    dead_time_s: float = 1.0
    ramp_s: float = 3.0
    """From nothing to full power."""


def forms_of(asset: Asset) -> frozenset[Form]:
    """Forms of setpoint that an asset of this kind takes; none where it cannot be written."""
    match asset:
        case EvCharger():
            return _CHARGER
        case Battery():
            return _STORAGE
        case Pv():
            return _SUN if asset.curtailable else frozenset()
        case Load():
            return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is configured of a device, before it has said anything."""

    assets: Mapping[AssetId, Asset]
    """Those it carries."""
    following: Following = Following()
    timeout_s: float = 2.0
    """Bound of every wait for the device, wire seconds."""


def facts_of(device: Device, promise: Promise, meta: MetaMessage | None = None) -> DeviceFacts:
    """Ratings, made narrower by what the device says of itself once it has called in.

    Raises:
        WrongDevice: the device allows nothing of what an asset is rated for.
    """
    return DeviceFacts(
        capabilities={
            asset: _capability(promise.assets[asset], promise.following, meta)
            for asset in device.written_assets
        },
        poll_period_s=promise.following.period_s,
        timeout_s=promise.timeout_s,
        refresh_s=REFRESH_S,
        confirm=CONFIRM,
        atomic_reversal=True,
    )


def check_meta(device: Device, meta: MetaMessage, schema: int) -> None:
    """Whether what calls in speaks this convention and carries what the city file says.

    Raises:
        WrongDevice: it does not.
    """
    if meta.schema != schema:
        raise WrongDevice(f"speaks schema {meta.schema} of the convention, expected {schema}")
    missing = [c.subject for c in device.carries if c.subject not in meta.assets]
    if missing:
        raise WrongDevice(f"does not carry {', '.join(missing)}; it has {_names(meta.assets)}")


def _names(assets: Iterable[str]) -> str:
    return ", ".join(sorted(assets)) or "no assets"


def _capability(asset: Asset, following: Following, meta: MetaMessage | None) -> Capability:
    allowed = asset.rated if meta is None else _narrowed(asset, meta)
    full_kw = max(abs(asset.rated.lo_kw), abs(asset.rated.hi_kw))
    return Capability(
        forms=forms_of(asset),
        allowed=allowed,
        dead_time_s=following.dead_time_s,
        ramp_kw_per_s=full_kw / following.ramp_s,
        resolution_kw=RESOLUTION_KW,
    )


def _narrowed(asset: Asset, meta: MetaMessage) -> AllowedSet:
    """What both the rating and the device allow."""
    described = meta.assets.get(asset.id)
    if described is None or not described.allowed:
        return asset.rated
    try:
        stated = union(Interval(lo_kw=lo, hi_kw=hi) for lo, hi in described.allowed)
    except InvariantError as wrong:
        raise WrongDevice(f"{asset.id}: its allowed set is not understood: {wrong}") from wrong
    common = [
        interval
        for one in stated.intervals
        if (part := asset.rated.within(one.lo_kw, one.hi_kw)) is not None
        for interval in part.intervals
    ]
    if not common:
        raise WrongDevice(f"{asset.id}: it allows nothing of what the asset is rated for")
    return union(common)
