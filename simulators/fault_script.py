"""The fault script of a city file: what is planned to go wrong."""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from simulators.entry import LARGEST, Entry, meant
from simulators.faults import KINDS, Fault

KEYS = (
    "device", "kind", "at", "for_min", "for_s",
    "seconds", "code", "point", "other", "alarm", "severity", "text",
)  # fmt: skip
LARGEST_CODE = 255


@dataclass(frozen=True)
class Scripted:
    """A fault that begins at an instant; None: when the city does."""

    fault: Fault
    at: datetime | None
    lasts_s: float

    def since(self, start: datetime) -> Fault:
        """The fault in the seconds of a city that begins then."""
        at_s = 0.0 if self.at is None else (self.at - start).total_seconds()
        return replace(self.fault, at_s=at_s, until_s=at_s + self.lasts_s)


def read_fault(entry: Entry, devices: Collection[str]) -> Scripted:
    """One entry of the script.

    Raises:
        CityError: it is not understood.
    """
    entry.refuse_unknown(KEYS)
    usual = Fault("", "silent")
    device = _device(entry, "device", devices)
    return Scripted(
        Fault(
            device,
            entry.choice("kind", tuple(sorted(KINDS))),
            seconds=entry.number_between("seconds", 0, LARGEST, usual.seconds),
            code=int(entry.number_between("code", 1, LARGEST_CODE, usual.code)),
            point=entry.text("point", usual.point),
            other=_device(entry, "other", devices) if "other" in entry.values else usual.other,
            alarm=entry.text("alarm", usual.alarm),
            severity=entry.text("severity", usual.severity),
            text=entry.text("text", usual.text),
        ),
        at=entry.instant("at") if "at" in entry.values else None,
        lasts_s=_lasts_s(entry),
    )


def _device(entry: Entry, key: str, devices: Collection[str]) -> str:
    name = entry.text(key)
    if name not in devices:
        raise entry.error(key, f"no device is called {name!r}{meant(name, devices)}")
    return name


def _lasts_s(entry: Entry) -> float:
    if "for_s" in entry.values:
        return entry.positive("for_s")
    return 60 * entry.positive("for_min") if "for_min" in entry.values else math.inf
