"""Loading a city file."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from vpp.config.build import build
from vpp.config.conversion import check_conversion
from vpp.config.draft import read_draft
from vpp.config.equipment import check_equipment
from vpp.config.findings import Findings
from vpp.config.included import with_files
from vpp.config.network import check_network
from vpp.config.place import check_place, check_weather
from vpp.config.tariffs import check_tariffs, price_series
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.portfolio import Portfolio
from vpp.domain.text import TextTree, read_text

DEFAULT_BASE_PORT = 15020
"""What ``port_offset`` counts from by default; the simulators have the same."""
LARGEST_FILE = 16 << 20
"""Bytes; more than ten thousand sites."""


@dataclass(frozen=True, kw_only=True)
class City:
    """A city file that is right."""

    portfolio: Portfolio
    simulation: Mapping[str, Any]
    """The key ``simulation``, unread."""
    tree: TextTree
    positions: Mapping[str, Mapping[str, int]]
    """Place of each id in its section's list, by section."""

    def path(self, section: str, name: str) -> str:
        """Path of an entry, as ``devices[3]`` of section ``devices`` and its id."""
        return f"{section}[{self.positions[section][name]}]"

    def where(self, path: str) -> tuple[str, int | None]:
        """File and line of a path such as ``devices[3].options.unit``, or of what is above it."""
        return self.tree.where(path)

    def mistake(self, path: str, problem: str, remedy: str = "") -> Mistake:
        """What somebody else, such as an adapter, finds wrong at a path of this file."""
        return self.tree.mistake(path, problem, remedy)


def load_city(path: str | PathLike[str], *, base_port: int | None = None) -> City:
    """Read and check a city file.

    Raises:
        ConfigurationError: with every mistake found, in the order of their lines.
    """
    file = Path(path)
    if file.is_fifo():
        raise _unreadable(file, "is a pipe, which may never say a word", "the path of a city file")
    try:
        with file.open("rb") as source:
            said = source.read(LARGEST_FILE + 1)
        if len(said) > LARGEST_FILE:
            problem = f"is larger than {LARGEST_FILE >> 20} MiB"
            raise _unreadable(file, problem, "the path of a city file")
        text = said.decode("utf-8")
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error), "the path of a city file") from error
    except UnicodeDecodeError as error:
        raise _unreadable(file, f"is not UTF-8 text: {error.reason}", "save it as UTF-8") from error
    return read_city(text, str(file), base_port=base_port)


def read_city(text: str, file: str, *, base_port: int | None = None) -> City:
    """Check the text of a city file; ``file`` is what mistakes call it.

    Raises:
        ConfigurationError: with every mistake found, in the order of their lines.
    """
    port = DEFAULT_BASE_PORT if base_port is None else base_port
    findings = Findings(with_files(read_text(text, file)))
    draft = read_draft(findings)
    check_place(draft, findings)
    check_weather(draft, findings, port)
    check_network(draft, findings)
    check_equipment(draft, findings, port)
    check_conversion(draft, findings)
    check_tariffs(draft, findings)
    portfolio = build(draft, findings, port, price_series(draft, findings))
    if portfolio is None:
        raise ConfigurationError(sorted(findings.mistakes, key=lambda m: (m.line or 0, m.path)))
    return City(
        portfolio=portfolio,
        simulation=draft.simulation,
        tree=findings.tree,
        positions=draft.ids,
    )


def _unreadable(file: Path, problem: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        [Mistake(file=str(file), line=None, path="the whole file", problem=problem, remedy=remedy)]
    )
