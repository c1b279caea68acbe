"""CSV files as columns, with mistakes that name file, line and column."""

import csv
import gzip
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.errors import ConfigurationError, Mistake

_ALIKE = 0.7
"""From which likeness on a column is taken for another one misspelt."""


def wrong(
    file: Path, line: int | None, path: str, problem: str, remedy: str = ""
) -> ConfigurationError:
    """The fault of one mistake in a data folder."""
    mistake = Mistake(file=str(file), line=line, path=path, problem=problem, remedy=remedy)
    return ConfigurationError([mistake])


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A CSV file with a heading; rows are numbered from 0, lines of the file from 1."""

    file: Path
    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def text(self, name: str) -> list[str]:
        """A column as text."""
        return self.columns[name]

    def numbers(self, name: str, default: float = math.nan, *, signed: bool = False) -> Floats:
        """A column of numbers, of 0 or more unless they are ``signed``.

        ``default`` for a column or field left out.
        """
        if name not in self.columns:
            return np.full(len(self), default)
        least = -math.inf if signed else 0.0
        return np.array([self._number(name, row, default, least) for row in range(len(self))])

    def times(self, name: str) -> Floats:
        """A column of instants, as seconds since 1970 UTC."""
        values = self.columns[name]
        try:
            return np.array([_instant(value) for value in values])
        except ValueError:
            row = next(row for row, value in enumerate(values) if not _is_instant(value))
            raise self.wrong(row, name, "an instant such as 2026-07-15T00:00:00Z") from None

    def positions(self, name: str, known: Sequence[str]) -> list[int]:
        """A column of names, as their positions among the known ones."""
        position = {value: index for index, value in enumerate(known)}
        for row, value in enumerate(self.columns[name]):
            if value not in position:
                raise self.wrong(row, name, f"one of {', '.join(known[:12])}")
        return [position[value] for value in self.columns[name]]

    def wrong(self, row: int, name: str, remedy: str) -> ConfigurationError:
        """The fault of one field."""
        return wrong(self.file, row + 2, name, f"is {self.columns[name][row]!r}", remedy)

    def refuse_misspelt(self, known: Sequence[str]) -> None:
        """Refuse a column that looks like a known one that the table lacks.

        Raises:
            ConfigurationError: there is such a column.
        """
        lacking = [name for name in known if name not in self.columns]
        for column in self.columns:
            meant = None if column in known else _meant(column, lacking)
            if meant is not None:
                remedy = f"did you mean {meant!r}?"
                raise wrong(self.file, 1, column, "the column is unknown", remedy)

    def _number(self, name: str, row: int, default: float, least: float) -> float:
        text = self.columns[name][row]
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (least <= value and math.isfinite(value)):
            raise self.wrong(row, name, "a number of 0 or more" if least == 0 else "a number")
        return value


def read_table(file: Path, needed: Sequence[str]) -> Table:
    """Read a CSV file, packed or not, that has at least the needed columns.

    Raises:
        ConfigurationError: it is missing, unreadable or lacks a column.
    """
    try:
        with gzip.open(file, "rt") if file.suffix == ".gz" else file.open(encoding="utf-8") as text:
            rows = list(csv.reader(text))
    except FileNotFoundError as error:
        remedy = "what a record is made of: docs/reference/backtest.md"
        raise wrong(file, None, "the whole file", "there is no such file", remedy) from error
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise wrong(file, None, "the whole file", f"cannot be read: {error}") from error
    heading = rows[0] if rows else []
    for name in needed:
        if name not in heading:
            raise wrong(file, 1, name, "the column is missing", f"found {', '.join(heading)}")
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(heading):
            problem = f"has {len(row)} fields, the heading {len(heading)}"
            raise wrong(file, line, "the whole line", problem)
    columns = [list(column) for column in zip(*rows[1:], strict=True)] or [[] for _ in heading]
    return Table(file=file, columns=dict(zip(heading, columns, strict=True)))


def _meant(column: str, lacking: Sequence[str]) -> str | None:
    """The column that was probably meant: alike, in the same unit or at least of the same head."""
    given = column.strip().lower().replace(" ", "_").replace("-", "_")
    head, unit = given.split("_")[0], given.split("_")[-1]
    close = get_close_matches(given, lacking, len(lacking) or 1, _ALIKE)
    same_unit = [name for name in close if name.split("_")[-1] == unit]
    same_head = [name for name in close if name.split("_")[0] == head]
    return next(iter(same_unit + same_head), None)


@cache
def _instant(text: str) -> float:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at.astimezone(UTC).timestamp()


def _is_instant(text: str) -> bool:
    try:
        _instant(text)
    except ValueError:
        return False
    return True
