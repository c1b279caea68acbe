"""YAML text as a plain tree in which every node knows its line and its path.

Scalars follow the YAML 1.2 core schema, so that nothing changes its meaning silently: only ``true``
and ``false`` are truth values (``on``, ``off``, ``yes`` and the country code ``NO`` stay text),
``12:30`` is text and not a number to base 60, ``007`` with its leading zeros stays text, a date
stays text until a schema asks for one. Keys are always text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml._yaml import CParser
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.resolver import BaseResolver

from vpp.domain.errors import Mistake

Path = tuple[str | int, ...]
"""Keys and list positions from the root."""

_TAG = "tag:yaml.org,2002:"
_NESTING = 50
_SPENT = -(10**12)
_SCALARS = {
    "null": re.compile(r"^(?:~|null|Null|NULL|)$"),
    "bool": re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    "int": re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"),
    "float": re.compile(
        r"^[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"
        r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
    ),
}


class _Resolver(BaseResolver):
    """What an unquoted scalar means."""


for _name, _pattern in _SCALARS.items():
    _Resolver.add_implicit_resolver(_TAG + _name, _pattern, None)


class _Loader(CParser, _Resolver):
    """The C parser with our scalars; it composes nodes and constructs nothing."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        _Resolver.__init__(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTree:
    """A text read: mappings, lists, str, int, float, bool and None, and where each stands."""

    file: str
    value: Any
    lines: Mapping[str, int]
    """Line from 1, by path as ``text_path`` writes it; of a mapping's entry the line of its key."""
    mistakes: tuple[Mistake, ...] = ()
    """What the text itself has wrong; ``value`` holds whatever could be read nevertheless."""
    parts: Mapping[str, "TextTree"] = field(default_factory=dict)
    """What of ``value`` stands in other texts, by its path here."""

    def locate(self, path: str | Path) -> int | None:
        """Line of the node at this path, else of the nearest above it; None in an empty text."""
        tree, step = self._owner(path)
        if tree is not self:
            return tree.locate(step)
        while step:
            if step in self.lines:
                return self.lines[step]
            step = step[: max(step.rfind("."), step.rfind("["), 0)]
        return self.lines.get("")

    def where(self, path: str | Path) -> tuple[str, int | None]:
        """The file that this path stands in, and the line as ``locate`` finds it."""
        tree, _ = self._owner(path)
        return tree.file, self.locate(path)

    def _owner(self, path: str | Path) -> tuple["TextTree", str]:
        """The text that holds a path, and the path in it; what is stated here stands here."""
        step = path if isinstance(path, str) else text_path(path)
        for at, part in self.parts.items():
            rest = step.removeprefix(at)
            key = at + rest[:1] + rest[1:].split(".")[0].split("[")[0]
            if step.startswith(at) and rest[:1] in {".", "["} and key not in self.lines:
                return part, rest.removeprefix(".")
        return self, step

    def mistake(self, path: str | Path, problem: str, remedy: str = "") -> Mistake:
        """A mistake at this path, with file and line."""
        tree, where = self._owner(path)
        if tree is not self:
            return tree.mistake(where, problem, remedy)
        return Mistake(
            file=self.file,
            line=self.locate(where),
            path=where or "the whole file",
            problem=problem,
            remedy=remedy,
        )


def text_path(path: Path) -> str:
    """A path as people read it: ``devices[3].options.unit``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def read_text(text: str, file: str) -> TextTree:
    """Read one YAML document. Never raises: what is wrong is in ``mistakes``."""
    reading = _Reading(file, budget=20 * len(text) + 100)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeEncodeError, RecursionError) as error:
        line = _line(error, text)
        said = f"not YAML: {_said(error)}"
        reading.add(line, "the whole file", said, _without_tabs(line, text))
        node = None
    value = None if node is None else reading.plain(node, ())
    return TextTree(file=file, value=value, lines=reading.lines, mistakes=tuple(reading.mistakes))


def _line(error: Exception, text: str) -> int | None:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return min(int(mark.line) + 1, max(len(text.splitlines()), 1))
    if isinstance(error, UnicodeEncodeError):
        return text.count("\n", 0, error.start) + 1
    position = getattr(error, "position", None)
    return None if position is None else text.encode().count(b"\n", 0, position) + 1


def _without_tabs(line: int | None, text: str) -> str:
    """What to do where a tab indents the line that cannot be read, or the one before it."""
    lines = text.splitlines()[max((line or 1) - 2, 0) : line or 1]
    indents = [one[: len(one) - len(one.lstrip())] for one in lines]
    return "a tab indents the line: YAML wants spaces" if "\t" in "".join(indents) else ""


def _said(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    said = getattr(error, "problem", None) or getattr(error, "reason", None)
    context = getattr(error, "context", None)
    return ", ".join(part for part in (said, context) if part) or "cannot be read"


class _Reading:
    """One pass over the composed nodes."""

    def __init__(self, file: str, budget: int) -> None:
        self.file = file
        self.lines: dict[str, int] = {}
        self.mistakes: list[Mistake] = []
        self._open: set[int] = set()
        self._budget = budget

    def add(self, line: int | None, path: str, problem: str, remedy: str = "") -> None:
        self.mistakes.append(
            Mistake(
                file=self.file,
                line=line,
                path=path or "the whole file",
                problem=problem,
                remedy=remedy,
            )
        )

    def plain(self, node: Node, path: Path) -> Any:
        """The node as a plain value, its line noted."""
        line = node.start_mark.line + 1
        self.lines.setdefault(text_path(path), line)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path, line)
        self._budget -= 1
        if id(node) in self._open or len(path) > _NESTING or self._budget < 0:
            return self._too_deep(path, line)
        self._open.add(id(node))
        value = (
            self._mapping(node, path) if isinstance(node, MappingNode) else self._list(node, path)
        )
        self._open.discard(id(node))
        return value

    def _too_deep(self, path: Path, line: int) -> None:
        """Reported once, then nothing further is read."""
        if self._budget > _SPENT:
            self.add(line, text_path(path), "refers to itself, or is nested or repeated too deeply")
        self._budget = _SPENT

    def _list(self, node: Node, path: Path) -> list[Any]:
        return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                self.add(line, text_path(path), "a key must be plain text")
            elif key.value == "<<":
                self.add(line, text_path(path), "'<<' does not merge here", "write the keys out")
            elif key.value in found:
                first = self.lines[text_path((*path, key.value))]
                self.add(
                    line,
                    text_path((*path, key.value)),
                    f"'{key.value}' stands here twice, first on line {first}",
                    "keep one of the two",
                )
            else:
                self.lines[text_path((*path, key.value))] = line
                found[key.value] = self.plain(item, (*path, key.value))
        return found

    def _scalar(self, node: ScalarNode, path: Path, line: int) -> Any:
        kind = node.tag.removeprefix(_TAG)
        text = node.value
        if kind not in (*_SCALARS, "str"):
            self.add(line, text_path(path), f"the tag {node.tag} is not read", "leave it out")
        elif kind != "str" and not _SCALARS[kind].match(text):
            self.add(line, text_path(path), f"{text!r} is not of the kind its tag says")
        elif kind == "null":
            return None
        elif kind == "bool":
            return text.lower() == "true"
        elif kind == "int" and len(text) < 20:
            return int(text)
        elif kind in ("int", "float"):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text
