"""What a profile, the ratings of assets and the commissioned options promise of one device."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from adapters.modbus.options import DeviceOptions
from adapters.profile.profile import Arms, BySafeState, Control, PartOf, Profile, Step, WriteRule
from vpp.domain.assets import Asset
from vpp.domain.capability import Capability, SharedLimit
from vpp.domain.facts import Confirm, DeviceFacts
from vpp.domain.ids import AssetId


def facts_of(
    profile: Profile,
    options: DeviceOptions,
    written: Mapping[AssetId, tuple[Asset, Control]],
    carried: Iterable[AssetId],
) -> DeviceFacts:
    """The device's facts; ``written``: assets with the control that steers them."""
    controls = [control for _, control in written.values()]
    rules = [rule for control in controls for rule in _rules(profile, control)]
    beat = profile.heartbeat if written else None
    manners = profile.manners
    return DeviceFacts(
        capabilities={
            asset: _capability(rated, control, options)
            for asset, (rated, control) in written.items()
        },
        shared_limits=_shared(profile, options, frozenset(carried)),
        poll_period_s=options.poll_period_s or manners.period_s,
        timeout_s=options.timeout_s or manners.timeout_s,
        meter_age_s=manners.value_age_s if options.value_age_s is None else options.value_age_s,
        min_write_interval_s=max((rule.min_interval_s for rule in rules), default=0.0),
        writes_per_day=min((r.per_day for r in rules if r.per_day is not None), default=None),
        refresh_s=_refresh_s(profile, controls),
        watchdog_s=_watchdog_s(controls, options),
        heartbeat_s=None if beat is None else options.heartbeat_s or beat.within_s,
        confirm=_confirm(list(written.values())),
        atomic_reversal=all(control.atomic_reversal for control in controls),
        profile_digest=profile.digest,
    )


def narrowed(
    facts: DeviceFacts,
    written: Mapping[AssetId, tuple[Asset, Control]],
    wholes: Mapping[str, float],
) -> DeviceFacts:
    """The facts with what can be told held inside the wholes of which recipes write a part.

    A panel's peak is often above what its inverter gives out: a ceiling in between cannot be said,
    and would be read back as another one. ``wholes``: by point, kW, NaN where nothing is known.
    """
    capabilities = dict(facts.capabilities)
    for asset, (rated, control) in written.items():
        most_kw = min((wholes[name] for name in wholes_of([control])), default=math.nan)
        inside = rated.rated.within(-most_kw, most_kw) if most_kw > 0 else None
        capabilities[asset] = replace(capabilities[asset], allowed=inside or rated.rated)
    return replace(facts, capabilities=capabilities)


def wholes_of(controls: Iterable[Control]) -> frozenset[str]:
    """Points of which the recipes write a part."""
    return frozenset(
        value.point
        for control in controls
        for step in _steps(control)
        for _, value in step.writes
        if isinstance(value, PartOf)
    )


def _capability(asset: Asset, control: Control, options: DeviceOptions) -> Capability:
    rating_kw = _rating_kw(asset)
    return Capability(
        forms=control.forms,
        allowed=asset.rated,
        dead_time_s=control.dead_time_s if options.dead_time_s is None else options.dead_time_s,
        ramp_kw_per_s=options.ramp_kw_per_s or control.ramp_of_rating_per_s * rating_kw,
        resolution_kw=control.resolution_kw,
        min_on_s=control.switched.min_on_s,
        min_off_s=control.switched.min_off_s,
        starts_per_day=control.switched.starts_per_day,
    )


def _rating_kw(asset: Asset) -> float:
    return max(asset.rated.hi_kw, -asset.rated.lo_kw)


def _shared(
    profile: Profile, options: DeviceOptions, carried: frozenset[AssetId]
) -> tuple[SharedLimit, ...]:
    rating_kw = options.ac_rating_kw
    if not profile.shared_ac_rating or rating_kw is None or len(carried) < 2:
        return ()
    return (SharedLimit(assets=carried, lo_kw=-rating_kw, hi_kw=rating_kw),)


def _steps(control: Control) -> Iterable[Step]:
    return (step for recipe in control.recipes.values() for step in recipe)


def _rules(profile: Profile, control: Control) -> Iterable[WriteRule]:
    """Rules of what is written time and again: a worn register is only written where it differs."""
    for step in _steps(control):
        for name, value in step.writes:
            rule = profile.points[name].write
            if rule is not None and not (
                rule.wears and isinstance(value, float | int | BySafeState)
            ):
                yield rule


def _refresh_s(profile: Profile, controls: list[Control]) -> float | None:
    """None where what a refresh would write wears, or nothing is written."""
    if not controls or any(rule.wears for control in controls for rule in _rules(profile, control)):
        return None
    refresh = [control.refresh_s for control in controls if control.refresh_s is not None]
    return min(refresh, default=None)


def _watchdog_s(controls: list[Control], options: DeviceOptions) -> float | None:
    fixed = [c.watchdog_s for c in controls if c.arms is Arms.ANY_WRITE and c.watchdog_s]
    return (options.watchdog_s or min(fixed)) if fixed else None


def _confirm(written: list[tuple[Asset, Control]]) -> Confirm:
    if not written:
        return Confirm()
    tolerance_kw = max(
        max(control.confirm.tolerance_kw, control.confirm.tolerance_of_rating * _rating_kw(asset))
        for asset, control in written
    )
    within_s = max(control.confirm.within_s for _, control in written)
    return Confirm(
        tolerance_kw=tolerance_kw if math.isfinite(tolerance_kw) else 0.1, within_s=within_s
    )
