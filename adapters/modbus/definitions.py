"""SunSpec model definitions, read from the JSON that the package ``pysunspec2`` ships."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from adapters.modbus.codec import SUNSPEC_TYPES, WireType, string_type


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPoint:
    """A point of a model: ``offset`` in registers from the model's id, which stands at 0."""

    name: str
    offset: int
    type: WireType
    scale: str | int | None
    """The scale factor: a point of the same model, or a constant power of ten."""


@cache
def points_of(model: int) -> Mapping[str, ModelPoint] | None:
    """The fixed points of a model by name; None for a model that is not defined.

    Points of groups that occur once follow those of the model, as ``Group.Point``.
    """
    source = files("sunspec2").joinpath(f"models/json/model_{model}.json")
    if not source.is_file():
        return None
    group = json.loads(source.read_text(encoding="utf-8"))["group"]
    points: dict[str, ModelPoint] = {}
    offset = 0
    for prefix, entry in _entries(group):
        name = prefix + entry["name"]
        points[name] = ModelPoint(
            name=name, offset=offset, type=_type(entry), scale=entry.get("sf")
        )
        offset += int(entry["size"])
    return points


def _entries(group: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    entries = [("", entry) for entry in group["points"]]
    for inner in group.get("groups", ()):
        if inner.get("count", 1) != 1:
            break  # what follows a repeating group has no fixed place
        entries += [(f"{inner['name']}.", entry) for entry in inner["points"]]
    return entries


def _type(entry: Mapping[str, Any]) -> WireType:
    return SUNSPEC_TYPES.get(entry["type"]) or string_type(int(entry["size"]))
