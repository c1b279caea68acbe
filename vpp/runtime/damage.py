"""What is damaged among a daemon's files makes way: it is kept under a name of its own."""

import errno
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

BESIDE = ("-wal", "-shm")
"""Endings of what belongs to an SQLite file."""
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_log = structlog.get_logger(__name__)


def set_aside(path: Path, why: str, parts: Sequence[str] = ()) -> Path:
    """Move what stands there to a name of its own, and say so in the log.

    ``parts``: endings of files that belong to it, as ``-wal``.

    Raises:
        OSError: it cannot be moved.
    """
    kept = _free(path)
    for part in (*parts, ""):
        found = path.with_name(path.name + part)
        if found.exists():
            found.rename(kept.with_name(kept.name + part))
    _log.warning("damaged file set aside", file=str(path), kept=str(kept), why=why)
    return kept


def make_way(path: Path, right: Callable[[Path], bool] = Path.is_file) -> Path | None:
    """Set aside what is of another kind than what belongs there, as a folder in a file's place.

    Raises:
        OSError: it cannot be moved.
    """
    if right(path) or not path.exists():
        return None
    return set_aside(path, "a folder, or something else of another kind, stands in its place")


def remedy(error: OSError) -> str:
    """What a person can do about a file that cannot be used; empty where that is not known."""
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return "give it to the user that runs this, or run as its owner"
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return "free space on that disk"
        case errno.EROFS | errno.EIO:
            return "repair the disk, or name a place on another"
        case errno.EISDIR | errno.ENOTDIR | errno.ELOOP:
            return "move away what stands in its place"
        case _:
            return ""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is wrong, not its place or its disk."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _free(path: Path) -> Path:
    stamp, number = datetime.now(UTC).strftime("%Y%m%dT%H%M%S"), 0
    while True:
        again = f"-{number}" if number else ""
        found = path.with_name(f"{path.stem}.damaged-{stamp}{again}{path.suffix}")
        if not found.exists():
            return found
        number += 1
