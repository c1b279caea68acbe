"""Room on a disk that SQLite needs beside what it writes.

The index of its write-ahead log is mapped into memory. On a file system with blocks of 1 kB, usual
below 512 MB, SQLite does not have every block of it put on disk beforehand, and where one is
touched that no longer has a place, the kernel ends the process with SIGBUS, which nobody can catch.
So nothing is written from a little before the disk is full.
"""

import os
import sqlite3
from pathlib import Path
from tempfile import TemporaryFile

SPARE_BYTES = 1 << 20


def check_room(folder: Path, spare_bytes: int) -> None:
    """See that so much can be had, by having it for a moment: what is free is not always ours.

    Raises:
        sqlite3.OperationalError: it cannot; as SQLite itself says that the disk is full.
    """
    try:
        with TemporaryFile(dir=folder) as spare:
            os.posix_fallocate(spare.fileno(), 0, spare_bytes)
    except OSError as error:
        raise sqlite3.OperationalError(
            f"no room for {spare_bytes >> 10} kB: {error.strerror}"
        ) from error
