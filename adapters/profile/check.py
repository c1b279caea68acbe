"""What the shape of a profile cannot say: every name refers to something, and units fit."""

from collections.abc import Callable, Iterable

from adapters.profile.profile import Named
from adapters.profile.schema import (
    ChoiceEntry,
    ControlEntry,
    PartOfEntry,
    PointEntry,
    ProfileFile,
    ValueEntry,
)
from adapters.profile.units import SIGNED, UNITS, Dimension, dimension_of
from vpp.domain.command import Verb
from vpp.domain.points import Quantity
from vpp.domain.text import Path

Report = Callable[[Path, str, str], None]
"""Takes path, problem and remedy of a mistake."""

_OF_VALUE = {
    Named.POWER: Dimension.POWER,
    Named.MAGNITUDE: Dimension.POWER,
    Named.RATED_CHARGE: Dimension.POWER,
    Named.RATED_DISCHARGE: Dimension.POWER,
    Named.PERCENT_OF_RATING: Dimension.FRACTION,
    Named.LIFE_S: Dimension.TIME,
}
_SIGNED_VALUES = (Named.POWER, Named.PERCENT_OF_RATING)
TARGET_VERBS = frozenset({Verb.CHARGE, Verb.DISCHARGE, Verb.IDLE})


def check(profile: ProfileFile, report: Report) -> None:
    """Report every contradiction within the file."""
    _Check(profile, report).run()


class _Check:
    def __init__(self, profile: ProfileFile, report: Report) -> None:
        self._profile, self._report = profile, report

    def run(self) -> None:
        for name, point in self._profile.points.items():
            self._point(name, point)
        for field, name in self._profile.identity.items():
            self._known(name, ("identity", field))
        for kind, readings in self._profile.readings.items():
            for quantity, reading in readings.items():
                self._reading(quantity, reading, ("readings", kind, quantity.value))
        for kind, control in self._profile.control.items():
            self._control(kind, control, ("control", kind))
        beat = self._profile.heartbeat
        if beat is not None:
            self._writable(beat.point, ("heartbeat", "point"))

    def _point(self, name: str, point: PointEntry) -> None:
        path: Path = ("points", name)
        if point.scale_point is not None:
            self._known(point.scale_point, (*path, "scale_point"))
        if UNITS[point.unit].dimension is Dimension.POWER and point.sign is None:
            self._report(
                path,
                "is a power without a 'sign'",
                "into_asset_positive, out_of_asset_positive or unsigned",
            )

    def _known(self, name: str, path: Path) -> PointEntry | None:
        point = self._profile.points.get(name)
        if point is None:
            self._report(path, f"no point is named {name!r}", "name it under 'points'")
        return point

    def _writable(self, name: str, path: Path) -> PointEntry | None:
        point = self._known(name, path)
        if point is not None and point.write is None:
            self._report(
                path,
                f"the point {name!r} is not said to be writable",
                "give it 'write: {persistence: volatile | stored | unknown}'",
            )
        return point

    def _reading(self, quantity: Quantity, reading: list[ChoiceEntry], path: Path) -> None:
        for index, choice in enumerate(reading):
            at: Path = (*path, index)
            for name in choice.when:
                self._known(name, (*at, "when", name))
            if choice.of is not None:
                self._sum(quantity, choice, at)
            elif choice.is_ is not None and choice.is_ != "none":
                if quantity is not Quantity.STATE:
                    self._report(at, f"{choice.is_!r} is an operating state, no {quantity}", "")
            elif choice.is_ == "none" and quantity is not Quantity.SETPOINT_KW:
                self._report(at, "only a setpoint can be none", "leave this choice out")

    def _sum(self, quantity: Quantity, choice: ChoiceEntry, path: Path) -> None:
        names = [choice.of] if isinstance(choice.of, str) else list(choice.of or ())
        points = [self._known(name, (*path, "of")) for name in names]
        times = self._known(choice.times, (*path, "times")) if choice.times else None
        wanted = dimension_of(quantity)
        for name, point in zip(names, points, strict=True):
            if point is None or (choice.times and times is None):
                continue
            found = _product(point, times)
            if found is not wanted:
                self._report(path, f"{name!r} is {found}, {quantity} is {wanted}", "")
        if quantity in SIGNED and isinstance(choice.of, str):
            factors = [point for point in (*points, times) if point is not None]
            if factors and all(point.sign in (None, "unsigned") for point in factors):
                self._report(
                    path,
                    f"{choice.of!r} does not say which way {quantity} flows",
                    f"give the point its sign, or write 'of: {{{choice.of}: 1}}' or -1",
                )

    def _control(self, kind: str, control: ControlEntry, path: Path) -> None:
        self._known(control.confirm.point, (*path, "confirm", "point"))
        readings = self._profile.readings.get(kind, {})  # type: ignore[call-overload]  # any kind
        if Quantity.SETPOINT_KW not in readings:
            self._report(path, "is steered but not read back", f"say readings.{kind}.setpoint_kw")
        verbs = control.recipes.keys()
        if verbs & TARGET_VERBS and not verbs >= TARGET_VERBS:
            self._report(
                (*path, "recipes"),
                "a target needs all of charge, discharge and idle",
                f"add {', '.join(sorted(TARGET_VERBS - verbs))}",
            )
        for verb, recipe in control.recipes.items():
            for index, step in enumerate(recipe):
                for name, value in step.items():
                    self._write(name, value, (*path, "recipes", verb.value, index, name))
        if control.watchdog.arms == "per_command" and not _says_life(control):
            self._report(
                (*path, "watchdog", "arms"),
                "no recipe writes 'life_s', so no command arms it",
                "write life_s to the register of the time-out",
            )

    def _write(self, name: str, value: ValueEntry, path: Path) -> None:
        point = self._writable(name, path)
        if isinstance(value, PartOfEntry):
            self._known(value.part_of, path)
        if point is None or not isinstance(value, Named):
            return
        wanted, found = _OF_VALUE[value], UNITS[point.unit].dimension
        if wanted is not found:
            self._report(path, f"{name!r} is {found}, {value.value} is {wanted}", "")
        if value in _SIGNED_VALUES and point.sign in (None, "unsigned"):
            self._report(path, f"{name!r} needs a sign to take {value.value}", "say its 'sign'")


def _product(point: PointEntry, times: PointEntry | None) -> Dimension:
    """What a point measures, multiplied with another one where there is one."""
    first = UNITS[point.unit].dimension
    if times is None or UNITS[times.unit].dimension is Dimension.FRACTION:
        return first
    return UNITS[times.unit].dimension if first is Dimension.FRACTION else Dimension.COUNT


def _says_life(control: ControlEntry) -> bool:
    values: Iterable[object] = (
        value for recipe in control.recipes.values() for step in recipe for value in step.values()
    )
    return any(value is Named.LIFE_S for value in values)
