"""One mapping of the city file together with its place in it, so that an error can name it."""

import math
import reprlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from simulators.lines import Lined

LARGEST = 1e15
"""Beyond what any number of a city is."""
LISTED = 24
"""Of the names that would be right, at most so many in a message."""


_repr = reprlib.Repr()
_repr.maxlevel = 2
_repr.maxother = 60


def shown(value: object) -> str:
    """A value as messages show it: bounded, whatever stands in the file."""
    return "nothing" if value is None else _repr.repr(value)


class CityError(ValueError):
    """The city file cannot be simulated; the message says where and why."""


class UsageError(ValueError):
    """What is asked for contradicts itself, whatever the city."""


@dataclass(frozen=True)
class Entry:
    """A mapping of the city file and its place there.

    Attributes:
        file: What messages call the file.
        where: The path that leads to it; of the whole file it is empty.
        line: Its line, from 1; of a mapping that is left out, that of the one around it.
    """

    values: Mapping[str, Any]
    file: str
    where: str = ""
    line: int | None = None

    @classmethod
    def of(cls, value: object, file: str, where: str = "", line: int | None = None) -> "Entry":
        if line is None and isinstance(value, Lined):
            line = value.line
        if not isinstance(value, Mapping):
            place = f"{_place(file, line)}: {where or 'the whole file'}"
            raise CityError(f"{place}: a mapping is needed here, found {shown(value)}")
        return cls(value, file, where, line)

    def error(self, key: str, problem: str) -> CityError:
        return CityError(f"{_place(self.file, self._line(key))}: {self._path(key)}: {problem}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise self.error(key, f"a text is needed here, found {shown(value)}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"a number is needed here, found {shown(value)}")
        if not abs(value) < LARGEST:
            raise self.error(key, f"a finite number is needed here, found {shown(value)}")
        return float(value)

    def whole(self, key: str, default: int | None = None) -> int:
        value = self.number(key, default)
        if value != math.floor(value):
            raise self.error(key, f"a whole number is needed here, found {value:g}")
        return int(value)

    def number_between(self, key: str, low: float, high: float, default: float | None) -> float:
        value = self.number(key, default)
        if not low <= value <= high:
            raise self.error(key, f"must be between {low:g} and {high:g}, found {value:g}")
        return value

    def positive(self, key: str) -> float:
        value = self.number(key)
        if value <= 0:
            raise self.error(key, f"must be above 0, found {value:g}")
        return value

    def optional_number(self, key: str) -> float | None:
        return None if self.values.get(key) is None else self.number(key)

    def instant(self, key: str) -> datetime:
        value = self.values.get(key)
        if isinstance(value, str):
            with suppress(ValueError):
                value = datetime.fromisoformat(value)
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.error(
                key,
                f"an instant with its offset from UTC is needed here, as"
                f" 2026-07-15T05:20:00+09:00, found {shown(value)}",
            )
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"true or false is needed here, found {shown(value)}")
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in allowed:
            raise self.error(key, f"is {shown(value)}{meant(value, allowed)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of the list under a key; none where the key is left out."""
        listed = self.values.get(key) or []
        if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
            raise self.error(key, f"a list of texts is needed here, found {shown(listed)}")
        return tuple(listed)

    def child(self, key: str) -> "Entry":
        """The mapping under a key; an empty one where the key is left out."""
        value = self.values.get(key)
        return Entry.of({} if value is None else value, self.file, self._path(key), self._line(key))

    def children(self, key: str) -> Iterator["Entry"]:
        """The mappings of the list under a key; none where the key is left out."""
        listed = self.values.get(key) or []
        if not isinstance(listed, list):
            raise self.error(key, f"a list is needed here, found {shown(listed)}")
        for index, value in enumerate(listed):
            name = value.get("id", index) if isinstance(value, Mapping) else index
            line = value.line if isinstance(value, Lined) else self._line(key)
            yield Entry.of(value, self.file, f"{self._path(key)}[{name}]", line)

    def refuse_unknown(self, known: Collection[str]) -> None:
        for key in self.values:
            if key not in known:
                raise self.error(str(key), f"unknown{meant(str(key), known)}")

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _line(self, key: str) -> int | None:
        """Of the key, or of the mapping where the key is left out."""
        lines = self.values.lines if isinstance(self.values, Lined) else {}
        return lines.get(key, self.line)


def _place(file: str, line: int | None) -> str:
    return file if line is None else f"{file}:{line}"


def meant(name: str, known: Collection[str]) -> str:
    """To end a message with: what was probably meant by an unknown name, or what there is."""
    if close := get_close_matches(name, known, n=1):
        return f" (did you mean {close[0]!r}?)"
    listed = sorted(known)
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    return f" (one of {', '.join(listed[:LISTED])}{more})" if listed else ""
