"""What a device of the convention promises: its profile, its assets' ratings, its own words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.mqtt.messages import MetaMessage
from adapters.profile.mqtt import MqttProfile, Steering
from vpp.domain.assets import Asset, Pv
from vpp.domain.capability import AllowedSet, Capability, Interval, union
from vpp.domain.devices import Device
from vpp.domain.errors import InvariantError, WrongDevice
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId


def steering_of(asset: Asset, profile: MqttProfile) -> Steering | None:
    """How an asset is steered with this profile; None where it cannot be written."""
    if isinstance(asset, Pv) and not asset.curtailable:
        return None
    return profile.control.get(asset.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is configured of a device, before it has said anything."""

    assets: Mapping[AssetId, Asset]
    """Those it carries."""
    profile: MqttProfile
    """As commissioned."""
    timeout_s: float = 2.0
    """Bound of every wait for the device, wire seconds."""


def facts_of(device: Device, promise: Promise, meta: MetaMessage | None = None) -> DeviceFacts:
    """Ratings, made narrower by what the device says of itself once it has called in.

    Raises:
        WrongDevice: the device allows nothing of what an asset is rated for.
    """
    profile = promise.profile
    return DeviceFacts(
        capabilities={
            name: _capability(asset, steering, meta)
            for name in device.written_assets
            if (steering := steering_of(asset := promise.assets[name], profile)) is not None
        },
        poll_period_s=profile.period_s,
        timeout_s=promise.timeout_s,
        min_write_interval_s=profile.min_interval_s,
        writes_per_day=profile.per_day,
        refresh_s=profile.refresh_s,
        confirm=profile.confirm,
        atomic_reversal=profile.atomic_reversal,
        profile_digest=profile.digest,
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


def _capability(asset: Asset, steering: Steering, meta: MetaMessage | None) -> Capability:
    allowed = asset.rated if meta is None else _narrowed(asset, meta)
    full_kw = max(abs(asset.rated.lo_kw), abs(asset.rated.hi_kw))
    return Capability(
        forms=steering.forms,
        allowed=allowed,
        dead_time_s=steering.dead_time_s,
        ramp_kw_per_s=full_kw / steering.ramp_s,
        resolution_kw=steering.resolution_kw,
        min_on_s=steering.switched.min_on_s,
        min_off_s=steering.switched.min_off_s,
        starts_per_day=steering.switched.starts_per_day,
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
