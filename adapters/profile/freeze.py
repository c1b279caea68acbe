"""A checked profile file as frozen values in house units and signs."""

import math
from collections.abc import Set

from adapters.profile.check import TARGET_VERBS
from adapters.profile.profile import (
    AtAddress,
    Beat,
    BySafeState,
    Choice,
    Confirmation,
    Control,
    InModel,
    Manners,
    PartOf,
    Profile,
    Reading,
    RegisterPoint,
    Step,
    Switched,
    Value,
    WriteRule,
)
from adapters.profile.schema import (
    ChoiceEntry,
    ControlEntry,
    PartOfEntry,
    PointEntry,
    ProfileFile,
    SafeEntry,
    SwitchedEntry,
    ValueEntry,
)
from adapters.profile.units import UNITS
from vpp.domain.capability import Form
from vpp.domain.command import Verb
from vpp.domain.points import OperatingState, Quantity

_STATES = {
    "off": OperatingState.OFF,
    "standby": OperatingState.STANDBY,
    "running": OperatingState.RUNNING,
    "fault": OperatingState.FAULT,
    "local": OperatingState.LOCAL,
}


def freeze(file: ProfileFile, name: str) -> Profile:
    """The profile that the file describes."""
    return Profile(
        name=name,
        title=file.title,
        points={key: _point(key, entry) for key, entry in file.points.items()},
        readings={
            kind: tuple(_reading(quantity, entry) for quantity, entry in readings.items())
            for kind, readings in file.readings.items()
        },
        identity=dict(file.identity.items()),
        control={kind: _control(entry) for kind, entry in file.control.items()},
        heartbeat=Beat(point=file.heartbeat.point, within_s=file.heartbeat.within_s)
        if file.heartbeat
        else None,
        shared_ac_rating=file.shared_ac_rating,
        manners=_manners(file),
    )


def _manners(file: ProfileFile) -> Manners:
    link = file.link
    return Manners(
        period_s=file.poll.period_s,
        value_age_s=file.poll.value_age_s,
        timeout_s=link.timeout_s,
        min_gap_s=link.min_gap_s,
        connect_delay_s=link.connect_delay_s,
        max_clients=link.max_clients,
        max_registers=link.max_registers,
        max_gap=link.max_gap,
        across_models=link.across_models,
        write_one_with=link.write_one_with,
    )


def _point(name: str, entry: PointEntry) -> RegisterPoint:
    unit = UNITS[entry.unit]
    sign = -1.0 if entry.sign == "out_of_asset_positive" else 1.0
    rule = entry.write
    return RegisterPoint(
        name=name,
        place=_place(name, entry),
        dimension=unit.dimension,
        factor=sign * unit.factor,
        unit=entry.unit,
        optional=entry.optional,
        write=WriteRule(
            persistence=rule.persistence,
            min_interval_s=rule.min_interval_s,
            per_day=rule.per_day,
        )
        if rule
        else None,
    )


def _place(name: str, entry: PointEntry) -> InModel | AtAddress:
    if entry.model is not None:
        return InModel(model=entry.model, point=entry.point or name)
    return AtAddress(
        address=entry.address or 0,
        input_registers=entry.function == "input",
        type=entry.type or "",
        low_first=entry.words == "low_first",
        length=entry.length or 0,
        scale=entry.scale,
        scale_point=entry.scale_point,
        missing=tuple(entry.missing),
    )


def _reading(quantity: Quantity, entries: list[ChoiceEntry]) -> Reading:
    return Reading(quantity=quantity, choices=tuple(_choice(entry) for entry in entries))


def _choice(entry: ChoiceEntry) -> Choice:
    terms = {entry.of: 1.0} if isinstance(entry.of, str) else entry.of or {}
    return Choice(
        when=tuple((name, frozenset(raws)) for name, raws in entry.when.items()),
        terms=tuple(terms.items()),
        times=entry.times,
        constant=_STATES.get(entry.is_ or "", entry.value),
        least=-math.inf if entry.least is None else entry.least,
        none=entry.is_ == "none",
    )


def _control(entry: ControlEntry) -> Control:
    confirm, watchdog = entry.confirm, entry.watchdog
    recipes = {verb: tuple(_step(step) for step in steps) for verb, steps in entry.recipes.items()}
    ramp = entry.ramp_percent_per_s
    return Control(
        recipes=recipes,
        forms=frozenset(_forms(recipes.keys())),
        confirm=Confirmation(
            point=confirm.point,
            tolerance_kw=confirm.tolerance_kw,
            tolerance_of_rating=confirm.tolerance_percent / 100,
            within_s=confirm.within_s,
        ),
        atomic_reversal=entry.atomic_reversal,
        dead_time_s=entry.dead_time_s,
        ramp_of_rating_per_s=float("inf") if ramp is None else ramp / 100,
        resolution_kw=entry.resolution_kw,
        arms=watchdog.arms,
        watchdog_s=watchdog.seconds,
        refresh_s=watchdog.refresh_s,
        switched=switched(entry),
    )


def switched(entry: SwitchedEntry) -> Switched:
    """How often an asset may be switched."""
    return Switched(
        min_on_s=entry.min_on_s,
        min_off_s=entry.min_off_s,
        starts_per_day=entry.starts_per_day,
    )


def _forms(has: Set[Verb]) -> set[Form]:
    """What can be told with these recipes."""
    forms = {
        Form.TARGET: has >= TARGET_VERBS,
        Form.CEILING: Verb.LIMIT in has,
        Form.RELEASE: Verb.RELEASE in has,
        Form.STOP: bool(has & {Verb.STOP, Verb.IDLE}),
    }
    return {form for form, able in forms.items() if able}


def _step(step: dict[str, ValueEntry]) -> Step:
    return Step(writes=tuple((point, _value(value)) for point, value in step.items()))


def _value(entry: ValueEntry) -> Value:
    match entry:
        case PartOfEntry():
            return PartOf(point=entry.part_of)
        case SafeEntry():
            floor = entry.zero if entry.floor is None else entry.floor
            return BySafeState(
                values={"autonomous": entry.autonomous, "zero": entry.zero, "floor": floor}
            )
        case _:
            return entry
