"""What is wrong with the shape of one entry, in the words of the city file."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vpp.config.entries import Entry
from vpp.domain.text import Path

Explained = tuple[Path, str, str]
"""Path within the entry, problem, remedy."""

_CONVERSIONS = {
    ("w", "kw"): "in kW: divide by 1000",
    ("mw", "kw"): "in kW: multiply by 1000",
    ("wh", "kwh"): "in kWh: divide by 1000",
    ("mwh", "kwh"): "in kWh: multiply by 1000",
    ("s", "h"): "in hours: divide by 3600",
    ("min", "h"): "in hours: divide by 60",
    ("s", "min"): "in minutes: divide by 60",
    ("h", "min"): "in minutes: multiply by 60",
    ("rad", "deg"): "in degrees",
}
_PARTS = ("_percent", "_pct", "_fraction")
_EXPECTED = {
    "float_type": "a number without quotes or unit",
    "int_type": "a whole number without quotes",
    "bool_type": "true or false",
    "string_type": "text; put it in quotes",
    "finite_number": "a finite number",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "tuple_type": "a list",
    "string_too_short": "some text",
    "string_pattern_mismatch": "at most 64 letters, digits, '-', '_' or '.', no sign first",
    "too_short": "at least one entry",
}
_COMPARED = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def explain(kind: type[Entry], value: object, error: ValidationError) -> list[Explained]:
    """Every mistake that the validation found; a key missed because it is misspelt counts once."""
    found: list[Explained] = []
    meant: set[Path] = set()
    details = sorted(error.errors(include_url=False), key=lambda e: e["type"] == "missing")
    for detail in details:
        where = tuple(detail["loc"])
        if detail["type"] == "extra_forbidden":
            known = _keys(_kind_at(kind, where[:-1]))
            right = _meant(str(where[-1]), known)
            if right is not None:
                meant.add((*where[:-1], right[0]))
            remedy = right[1] if right else f"one of {', '.join(known)}"
            found.append((where, f"the key {where[-1]!r} is unknown", remedy))
        elif detail["type"] == "missing":
            if where not in meant:
                found.append((where, f"{where[-1]!r} is missing", "state it"))
        else:
            found.append((_within(value, where), *_value_problem(detail)))
    return found


def _within(value: object, where: Path) -> Path:
    """The part of a location that exists in the value; the library adds marks of its own."""
    return tuple(_existing(value, where))


def _existing(value: Any, where: Path) -> Iterator[str | int]:
    for step in where:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return
        yield step


def _value_problem(detail: ErrorDetails) -> tuple[str, str]:
    given, kind, said = detail["input"], detail["type"], detail.get("ctx", {})
    shown = repr(given) if isinstance(given, (str, int, float, bool)) else _named(given)
    if kind in _COMPARED:
        name, words = _COMPARED[kind]
        return f"is {shown}, expected {words} {said[name]:.10g}", _as_fraction(given, said[name])
    if kind in ("enum", "literal_error"):
        choices = [
            choice.strip("'") for choice in said["expected"].replace(" or ", ", ").split(", ")
        ]
        close = get_close_matches(str(given), choices, n=1)
        return (
            f"is {shown}",
            f"did you mean {close[0]!r}?" if close else f"one of {', '.join(choices)}",
        )
    if kind == "value_error":
        return str(said["error"]), ""
    expected = _EXPECTED.get(kind)
    return f"is {shown}", f"expected {expected}" if expected else detail["msg"]


def _named(given: object) -> str:
    names: dict[type, str] = {dict: "a mapping", list: "a list", type(None): "empty"}
    return names.get(type(given), "not readable")


def _as_fraction(given: object, bound: float) -> str:
    if bound == 1 and isinstance(given, (int, float)) and 1 < given <= 100:
        return f"a fraction: {given:g} % is {given / 100:g}"
    return ""


def _meant(key: str, known: list[str]) -> tuple[str, str] | None:
    """The key that was probably meant, and what to do: another unit, or another spelling."""
    for right in known:
        if any(key == right + part for part in _PARTS):
            return right, f"{right!r}, a fraction 0..1: divide percent by 100"
        (stem, _, unit), (right_stem, _, right_unit) = key.rpartition("_"), right.rpartition("_")
        how = _CONVERSIONS.get((unit.lower(), right_unit))
        if stem == right_stem and how:
            return right, f"{right!r}, {how}"
    close = get_close_matches(key, known, n=1, cutoff=0.6)
    return (close[0], f"did you mean {close[0]!r}?") if close else None


def _keys(kind: type[Entry] | None) -> list[str]:
    fields = kind.model_fields if kind else {}
    return [field.alias or name for name, field in fields.items()]


def _kind_at(kind: type[Entry] | None, where: Path) -> type[Entry] | None:
    """The entry type that stands at a location within an entry."""
    for step in where:
        if kind is not None and isinstance(step, str):
            fields = {field.alias or name: field for name, field in kind.model_fields.items()}
            kind = _entry_in(fields[step].annotation) if step in fields else None
    return kind


def _entry_in(annotation: Any) -> type[Entry] | None:
    if isinstance(annotation, type) and issubclass(annotation, Entry):
        return annotation
    return next((found for part in get_args(annotation) if (found := _entry_in(part))), None)
