"""Files of dated prices, as markets publish them: CSV, one row a step."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import isfinite
from pathlib import Path
from zoneinfo import ZoneInfo

from vpp.config.entries import LARGEST
from vpp.config.findings import instead
from vpp.domain.arrays import frozen
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.price_series import PriceSeries

START, COLUMNS = "start", ("import_per_kwh", "export_per_kwh")
LONGEST_S, SHORTEST_S = 86400.0, 300.0
_SHOWN = 20
"""Mistakes of one file; who has more has one cause for all of them."""


def read_prices(path: Path, time_zone: str) -> PriceSeries:
    """A file with the column ``start`` and one or both of the others, in the portfolio's currency.

    Times without an offset are those of the zone. The shortest distance of two starts is the length
    of every step.

    Raises:
        ConfigurationError: with line, column and remedy of every mistake, up to 20.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([_mistake(path, 1, "", f"cannot be read: {error}")]) from error
    reading = _Reading(path, ZoneInfo(time_zone))
    rows = list(reading.rows(text))
    if len(rows) < 2 and not reading.mistakes:
        reading.add(1, "", f"has {len(rows)} rows of prices", "two at least: a step has a length")
    if reading.mistakes:
        raise ConfigurationError(reading.mistakes[:_SHOWN])
    starts_s = [row.start_s for row in rows]
    step_s = min(after - before for before, after in pairwise(starts_s))
    for row in rows:
        if (row.start_s - starts_s[0]) % step_s:
            problem = f"does not lie on the file's steps of {step_s / 60:g} minutes"
            reading.add(row.line, START, problem, "steps of one length")
    if not SHORTEST_S <= step_s <= LONGEST_S:
        reading.add(rows[0].line, START, f"steps are {step_s:g} s long", "5 minutes to a day")
    if reading.mistakes:
        raise ConfigurationError(reading.mistakes[:_SHOWN])
    columns = {
        name: frozen([row.values[name] for row in rows])
        for name in COLUMNS
        if name in reading.names
    }
    return PriceSeries(source=str(path), starts_s=frozen(starts_s), step_s=step_s, **columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    line: int
    start_s: float
    values: dict[str, float]


class _Reading:
    """One pass over the rows."""

    def __init__(self, path: Path, zone: ZoneInfo) -> None:
        self._path, self._zone = path, zone
        self.names: list[str] = []
        self.mistakes: list[Mistake] = []

    def add(self, line: int, column: str, problem: str, remedy: str = "") -> None:
        self.mistakes.append(_mistake(self._path, line, column, problem, remedy))

    def rows(self, text: str) -> Iterator[_Row]:
        table = csv.reader(text.splitlines(), skipinitialspace=True)
        self.names = [name.strip() for name in next(table, [])]
        if not self._named():
            return
        newest: tuple[float, int] | None = None
        for cells in table:
            line = table.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(self.names):
                counts = f"has {len(cells)} values, the first line names {len(self.names)}"
                self.add(line, "", counts, "one value for each")
                continue
            said = dict(zip(self.names, (cell.strip() for cell in cells), strict=True))
            start_s = self._start_s(line, said[START])
            priced = [name for name in self.names if name != START]
            values = {name: self._price(line, name, said[name]) for name in priced}
            if start_s is None:
                continue
            if newest is not None and start_s <= newest[0]:
                problem = f"{said[START]} is not after line {newest[1]}"
                self.add(line, START, problem, "each start once, in the order of time")
                continue
            newest = (start_s, line)
            yield _Row(line=line, start_s=start_s, values=values)

    def _named(self) -> bool:
        for name in self.names:
            if name not in (START, *COLUMNS):
                self.add(1, name, "the column is unknown", instead(name, (START, *COLUMNS)))
        if len({*self.names}) < len(self.names):
            self.add(1, "", "a column stands there twice", "each once")
        if START not in self.names or not {*COLUMNS} & {*self.names}:
            first = f"{START},{','.join(COLUMNS)}"
            self.add(1, "", "does not name the columns", f"a first line such as {first}")
        return not self.mistakes

    def _start_s(self, line: int, said: str) -> float | None:
        try:
            at = datetime.fromisoformat(said)
        except ValueError:
            self.add(line, START, f"{said!r} is no time", "as 2026-07-15T13:00+09:00")
            return None
        if at.tzinfo is not None:
            return at.timestamp()
        first, second = (at.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() != second.utcoffset():
            problem = f"{said} is skipped or shown twice by the clocks of {self._zone.key}"
            self.add(line, START, problem, "say the offset, as +01:00")
            return None
        return first.timestamp()

    def _price(self, line: int, name: str, said: str) -> float:
        try:
            value = float(said)
        except ValueError:
            value = float("nan")
        if not (isfinite(value) and abs(value) <= LARGEST):
            self.add(line, name, f"{said!r} is no price", "a number, negative ones too, no unit")
        return value


def _mistake(path: Path, line: int, column: str, problem: str, remedy: str = "") -> Mistake:
    return Mistake(
        file=str(path), line=line, path=column or "the row", problem=problem, remedy=remedy
    )
