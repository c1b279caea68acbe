"""Scores of days, a line each in a file that only grows."""

import os
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import msgspec
import structlog

from vpp.domain.day import DayScore
from vpp.domain.errors import StoreUnavailable
from vpp.domain.ids import PoolId
from vpp.runtime.damage import make_way

NAME = "scores.jsonl"
"""In a daemon's state directory."""
_decode = msgspec.json.Decoder(DayScore).decode
_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)


class ScoreBook:
    """What was judged, by pool and local date."""

    def __init__(self, path: Path) -> None:
        """Reads what is there; blocks. What cannot be read is passed over."""
        self._path = path
        self._scores = {(one.pool, one.date): one for one in _read(path)}

    def __contains__(self, key: tuple[PoolId, date]) -> bool:
        return key in self._scores

    @property
    def all(self) -> tuple[DayScore, ...]:
        """In the order of their dates."""
        return tuple(sorted(self._scores.values(), key=lambda one: (one.date, one.pool)))

    @property
    def newest(self) -> Mapping[PoolId, DayScore]:
        """Of every pool its last day."""
        return {one.pool: one for one in self.all}

    @property
    def newest_judged(self) -> Mapping[PoolId, DayScore]:
        """Of every pool its last day that was judged."""
        return {one.pool: one for one in self.all if one.reached is not None}

    def add(self, score: DayScore) -> None:
        """Keep it; durable on return. Blocks.

        Raises:
            StoreUnavailable: it cannot be written, and is not kept.
        """
        try:
            make_way(self._path)
            with self._path.open("ab") as file:
                begun = file.tell() and not _ends(self._path)
                file.write((b"\n" if begun else b"") + _encode(score) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreUnavailable(f"{self._path}: {error}; make it writable, or room") from error
        self._scores[score.pool, score.date] = score


def _ends(path: Path) -> bool:
    """Whether its last line is whole."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _read(path: Path) -> Iterable[DayScore]:
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        _log.warning("scores are passed over", why=f"{path}: {error}; make it readable")
        return
    damaged: dict[int, str] = {}
    for number, line in enumerate(lines, start=1):
        try:
            yield _decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            damaged[number] = str(error)
    if damaged:
        first, why = next(iter(damaged.items()))
        _log.warning(
            "lines are no scores and passed over",
            file=str(path),
            lines=len(damaged),
            first=first,
            why=why,
        )
