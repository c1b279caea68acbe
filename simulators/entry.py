"""One mapping of the city file together with its place in it, so that an error can name it."""

import math
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LARGEST = 1e15
"""Beyond what any number of a city is."""


_repr = reprlib.Repr()
_repr.maxlevel = 2
shown = _repr.repr
"""A value as messages show it: bounded, whatever stands in the file."""


class CityError(ValueError):
    """The city file cannot be simulated; the message says where and why."""


class UsageError(ValueError):
    """What is asked for contradicts itself, whatever the city."""


@dataclass(frozen=True)
class Entry:
    """A mapping of the city file and the path that leads to it."""

    values: Mapping[str, Any]
    where: str

    @classmethod
    def of(cls, value: object, where: str) -> "Entry":
        if not isinstance(value, Mapping):
            raise CityError(f"{where}: a mapping is needed here, found {shown(value)}")
        return cls(value, where)

    def error(self, key: str, problem: str) -> CityError:
        return CityError(f"{self.where}.{key}: {problem}")

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

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"true or false is needed here, found {shown(value)}")
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in allowed:
            raise self.error(
                key, f"one of {', '.join(allowed)} is needed here, found {shown(value)}"
            )
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
        return Entry.of({} if value is None else value, f"{self.where}.{key}")

    def children(self, key: str) -> Iterator["Entry"]:
        """The mappings of the list under a key; none where the key is left out."""
        listed = self.values.get(key) or []
        if not isinstance(listed, list):
            raise self.error(key, f"a list is needed here, found {shown(listed)}")
        for index, value in enumerate(listed):
            name = value.get("id", index) if isinstance(value, Mapping) else index
            yield Entry.of(value, f"{self.where}.{key}[{name}]")

    def refuse_unknown(self, known: tuple[str, ...]) -> None:
        for key in self.values:
            if key not in known:
                raise self.error(str(key), f"unknown; known here are {', '.join(known)}")
