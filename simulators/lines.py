"""YAML text as plain values, of which every mapping knows its lines."""

from collections.abc import Iterator
from typing import Any

import yaml

_Loader: Any = type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
"""The safe loader, which notes lines: the fast one where there is one."""


class Lined(dict[str, Any]):
    """A mapping of the text.

    Attributes:
        line: Where it begins, from 1.
        lines: Where its keys stand.
    """

    line: int
    lines: dict[str, int]


def read_lined(text: str) -> object:
    """The values of one YAML document.

    Raises:
        yaml.YAMLError: the text is no YAML, or more than one document.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader


def _mapping(loader: Any, node: yaml.MappingNode) -> Iterator[Lined]:
    """In two steps, for a mapping may contain itself."""
    found = Lined()
    found.line = node.start_mark.line + 1
    found.lines = {}
    yield found
    found |= loader.construct_mapping(node)
    for key, _ in node.value:
        found.lines[loader.construct_object(key)] = key.start_mark.line + 1


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
