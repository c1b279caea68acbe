"""The entries of a city file that have the right shape, and the ids of all entries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vpp.config.conversion_entries import ASSETS
from vpp.config.entries import (
    SECTIONS,
    AssetEntry,
    Entry,
    PortfolioEntry,
    WeatherEntry,
)
from vpp.config.findings import Findings, instead
from vpp.domain.text import Path

Shaped = TypeVar("Shaped", bound=Entry)

_TOP = ("version", "portfolio", "weather", *SECTIONS, "simulation")
_ONE_SPACE = ("nodes", "sites", "assets", "meters")
"""Sections that share one set of ids: history, screens and proposals name any of them."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What could be read of a city file."""

    portfolio: PortfolioEntry | None
    entries: Mapping[str, Mapping[int, Entry]]
    """By section, then by position in its list; those with a wrong shape are left out."""
    ids: Mapping[str, Mapping[str, int]]
    """Position by id, by section; also of entries whose shape is wrong otherwise."""
    simulation: Mapping[str, Any] = field(default_factory=dict)
    weather: WeatherEntry | None = None

    def each(self, section: str, kind: type[Shaped]) -> Iterator[tuple[Path, Shaped]]:
        """Path and entry of this kind in a section, in the order of the file."""
        for index, entry in self.entries[section].items():
            if isinstance(entry, kind):
                yield (section, index), entry

    def named(self, section: str, kind: type[Shaped], name: str) -> Shaped | None:
        """The entry with this id, if it has the right shape and kind."""
        index = self.ids[section].get(name)
        entry = None if index is None else self.entries[section].get(index)
        return entry if isinstance(entry, kind) else None


def read_draft(findings: Findings) -> Draft:
    """Check the shape of everything in the file; what is wrong goes to the findings."""
    root = findings.tree.value
    if not isinstance(root, dict):
        if not findings.mistakes:
            findings.add((), "is not a mapping of keys to values", f"the keys {', '.join(_TOP)}")
        root = {}
    else:
        _top_level(root, findings)
    portfolio = (
        findings.shaped(PortfolioEntry, root["portfolio"], ("portfolio",))
        if "portfolio" in root
        else None
    )
    weather = (
        findings.shaped(WeatherEntry, root["weather"], ("weather",)) if "weather" in root else None
    )
    lists = {section: _list(root, section, findings) for section in SECTIONS}
    entries = {section: _entries(section, found, findings) for section, found in lists.items()}
    simulation = root.get("simulation") or {}
    if not isinstance(simulation, dict):
        findings.add(("simulation",), "is not a mapping of keys to values", "see docs/reference")
        simulation = {}
    return Draft(
        portfolio=portfolio,
        entries=entries,
        ids=_ids(lists, findings),
        simulation=simulation,
        weather=weather,
    )


def _top_level(root: Mapping[str, Any], findings: Findings) -> None:
    for key in root:
        if key not in _TOP:
            findings.add((key,), f"the key {key!r} is unknown", instead(key, _TOP))
    for key in ("version", "portfolio", "sites"):
        if key not in root:
            findings.add((key,), f"{key!r} is missing", "state it")
    version = root.get("version", 1)
    if version != 1 or isinstance(version, bool):
        findings.add(("version",), f"is {version!r}", "this release reads version 1")


def _list(root: Mapping[str, Any], section: str, findings: Findings) -> list[Any]:
    found = root.get(section)
    if found is None:
        found = []
    if not isinstance(found, list):
        findings.add((section,), "is not a list", "start each entry with '- '")
        return []
    if section == "sites" and section in root and not found:
        findings.add((section,), "names no site", "at least one")
    return found


def _entries(section: str, found: list[Any], findings: Findings) -> dict[int, Entry]:
    entries = {}
    for index, value in enumerate(found):
        kind = _asset_kind(index, value, findings) if section == "assets" else SECTIONS[section]
        entry = findings.shaped(kind, value, (section, index)) if kind else None
        if entry is not None:
            entries[index] = entry
    return entries


def _asset_kind(index: int, value: Any, findings: Findings) -> type[AssetEntry] | None:
    if not isinstance(value, dict):
        return AssetEntry
    kind = value.get("kind")
    if isinstance(kind, str) and kind in ASSETS:
        return ASSETS[kind]
    problem = "'kind' is missing" if "kind" not in value else f"is {kind!r}"
    findings.add(("assets", index, "kind"), problem, instead(str(kind), ASSETS))
    return None


def _ids(lists: Mapping[str, list[Any]], findings: Findings) -> dict[str, dict[str, int]]:
    ids: dict[str, dict[str, int]] = {section: {} for section in lists}
    taken: dict[tuple[str, str], Path] = {}
    for section, found in lists.items():
        space = "measured" if section in _ONE_SPACE else section
        for index, value in enumerate(found):
            name = value.get("id") if isinstance(value, dict) else None
            if not isinstance(name, str):
                continue
            path: Path = (section, index, "id")
            first = taken.setdefault((space, name), path)
            if first != path:
                line = findings.tree.locate(first)
                findings.add(
                    path,
                    f"the id {name!r} is taken: {first[0]}[{first[1]}], line {line}",
                    "an id of its own; nodes, sites, assets and meters share one set of ids"
                    if space == "measured"
                    else "an id of its own",
                )
            else:
                ids[section][name] = index
    return ids
