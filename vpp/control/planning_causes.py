"""What a plan stands on beside the clock and the weather, and what of it has changed since."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime

from vpp.control.limits_ahead import NodeLimit
from vpp.domain.ids import AssetId, TariffId
from vpp.domain.tariff import Tariff

FIRST, CLOCK = "a start", "the clock"
_NAMED = 3

Session = tuple[str, datetime | None, float | None]
"""Id, departure and need of a car that is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Two plans of the same basis differ by what time and measurements have brought."""

    writable: Set[AssetId] = frozenset()
    """Assets that may be commanded."""
    known: Set[AssetId] = frozenset()
    """Storages that may be, and whose energy is known."""
    sessions: Mapping[AssetId, Session] = field(default_factory=dict)
    limits: Set[NodeLimit] = frozenset()
    tariffs: Mapping[TariffId, Tariff] = field(default_factory=dict)

    def since(self, before: "Basis") -> tuple[str, ...]:
        """What has changed since another one, in words."""
        return tuple(self._changes(before))

    def limits_alone(self, before: "Basis") -> bool:
        """Whether nothing else has."""
        return replace(self, limits=before.limits) == before

    def _changes(self, before: "Basis") -> Iterator[str]:
        if self.tariffs is not before.tariffs:
            names = [n for n, one in self.tariffs.items() if one is not before.tariffs.get(n)]
            if names:
                yield f"new prices of {_listed(names)}"
        yield from (f"a limit: {one}" for one in self.limits - before.limits)
        yield from (f"a limit that ended: {one}" for one in before.limits - self.limits)
        if self.sessions != before.sessions:
            new = [a for a, one in self.sessions.items() if before.sessions.get(a) != one]
            gone = [a for a in before.sessions if a not in self.sessions]
            yield from ([f"a car, or what it wants, at {_listed(new)}"] if new else [])
            yield from ([f"a car that left {_listed(gone)}"] if gone else [])
        had, have = before.known | before.writable, self.known | self.writable
        new_known = (self.known - before.known) | (have - had)
        lost = (before.known - self.known) | (had - have)
        yield from ([f"what can be steered now: {_listed(new_known)}"] if new_known else [])
        yield from ([f"what cannot be steered any more: {_listed(lost)}"] if lost else [])


def _listed(names: Iterable[str]) -> str:
    found = sorted(names)
    more = [f"and {len(found) - _NAMED} more"] if len(found) > _NAMED else []
    return ", ".join([*found[:_NAMED], *more])
