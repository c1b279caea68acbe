"""Room that is kept for the audit record: on a full disk what must not be lost still has a place.

The blocks are taken when the file is made, so that nobody else can fill them.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path

USUAL_BYTES = 64 << 20
LEAST_BYTES = 1 << 16


class Reserve:
    """Lines at the beginning of a file of zeros; used by one thread."""

    def __init__(self, path: Path, *, size: int, sync: Callable[[int], None]) -> None:
        self._path, self._sync = path, sync
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._used = len(self._found())
        self._size = _taken(self._file, size)

    @property
    def holds(self) -> bool:
        """Whether anything stands in it."""
        return self._used > 0

    def lines(self) -> list[bytes]:
        """What stands in it, without newlines."""
        return os.pread(self._file, self._used, 0).splitlines()

    def put(self, lines: bytes) -> None:
        """Add whole lines.

        Raises:
            OSError: it is full, or the disk is broken; nothing was added.
        """
        if self._used + len(lines) >= self._size:
            raise OSError(ENOSPC, "the reserve of the audit record is full", str(self._path))
        written = os.pwrite(self._file, lines, self._used)
        if written < len(lines):
            raise OSError(ENOSPC, "the reserve of the audit record has no room", str(self._path))
        self._sync(self._file)
        self._used += len(lines)

    def clear(self) -> None:
        """Forget what stands in it.

        Raises:
            OSError: the disk is broken.
        """
        os.pwrite(self._file, bytes(self._used), 0)
        self._sync(self._file)
        self._used = 0

    def close(self) -> None:
        """Let go; an empty one gives its room back."""
        os.close(self._file)
        if not self.holds:
            with suppress(OSError):
                self._path.unlink()

    def _found(self) -> bytes:
        """Whole lines that an earlier daemon left."""
        text = self._path.read_bytes().partition(b"\0")[0]
        return text[: text.rfind(b"\n") + 1]


def _taken(file: int, size: int) -> int:
    """How many bytes could be taken: on a nearly full disk a part of them, perhaps none.

    Half of what is free stays free: there is more to write than this record.
    """
    held, disk = os.fstat(file).st_size, os.fstatvfs(file)
    size = min(size, held + disk.f_bavail * disk.f_frsize // 2)
    while size >= LEAST_BYTES:
        try:
            os.posix_fallocate(file, 0, size)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, held)  # some file systems keep what they took in vain
            size //= 4
        else:
            return size
    return held
