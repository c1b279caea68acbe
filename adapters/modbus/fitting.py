"""Whether a profile fits Modbus: models and points are defined, and writes stand side by side."""

from collections.abc import Iterable
from itertools import pairwise

from adapters.modbus.codec import TYPES, string_type
from adapters.modbus.definitions import points_of
from adapters.profile.profile import InModel, Profile, RegisterPoint, Step


def profile_mistakes(profile: Profile) -> tuple[str, ...]:
    """Everything about this profile that no device could make good."""
    undefined = tuple(_undefined(profile.points.values()))
    return undefined or tuple(_apart(profile))


def _undefined(points: Iterable[RegisterPoint]) -> Iterable[str]:
    for point in points:
        if isinstance(point.place, InModel):
            defined = points_of(point.place.model)
            if defined is None:
                yield f"points.{point.name}: SunSpec model {point.place.model} is not defined"
            elif point.place.point not in defined:
                yield (
                    f"points.{point.name}: SunSpec model {point.place.model} has no"
                    f" {point.place.point!r}"
                )


def _apart(profile: Profile) -> Iterable[str]:
    for kind, control in profile.control.items():
        for verb, steps in control.recipes.items():
            for index, step in enumerate(steps):
                if not _side_by_side(profile, step):
                    yield (
                        f"control.{kind}.recipes.{verb}[{index}]: {', '.join(dict(step.writes))} do"
                        " not stand side by side in this order; write them in separate steps"
                    )


def _side_by_side(profile: Profile, step: Step) -> bool:
    spans = [_span(profile.points[name]) for name, _ in step.writes]
    return all(
        (region, end) == (next_region, start)
        for (region, _, end), (next_region, start, _) in pairwise(spans)
    )


def _span(point: RegisterPoint) -> tuple[int, int, int]:
    """Region, first register and the one behind the last; within a model counted from its id."""
    where = point.place
    if isinstance(where, InModel):
        defined = (points_of(where.model) or {})[where.point]
        return where.model, defined.offset, defined.offset + defined.type.registers
    kind = string_type(where.length) if where.type == "string" else TYPES[where.type]
    return 0, where.address, where.address + kind.registers
