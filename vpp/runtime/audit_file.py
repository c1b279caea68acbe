"""The audit record on disk: whole lines in a chain, and a reserve for when there is no room."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EEXIST, EPERM
from pathlib import Path

from vpp.runtime.audit_chain import REACH, continuing, flaw, last_chain, link_of, sealed
from vpp.runtime.audit_reserve import USUAL_BYTES, Reserve
from vpp.runtime.damage import make_way, set_aside

NAME = "audit.jsonl"
"""In a daemon's state directory."""
_MODE = os.O_RDWR | os.O_CREAT | os.O_APPEND


def reserve_of(path: Path) -> Path:
    """Where the reserve of a record is kept."""
    return path.with_suffix(".reserve")


class AuditFile:
    """Opened, used and closed by one thread at a time."""

    def __init__(
        self,
        path: Path,
        *,
        sync: Callable[[int], None],
        ours: Callable[[], bool],
        reserve: int = USUAL_BYTES,
    ) -> None:
        """Open for appending, and bring in what an earlier daemon left in the reserve.

        ``ours``: nobody else may write it now. ``unfinished`` is what a power cut or a full disk
        left of a last line; it is cut off. What is no record makes way (``set_aside``).

        Raises:
            OSError: it cannot be opened.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._sync, self._ours = path, sync, ours
        self.set_aside = _aside(path)
        """Where what stood there before was moved to, with what stood in its reserve."""
        self._file = os.open(path, _MODE, 0o600)
        self.unfinished = _cut_tail(self._file)
        self._size = os.fstat(self._file).st_size
        self._torn = False
        self._chain = self._main_chain = last_chain(path)
        """Of the newest line, and of the newest one outside the reserve."""
        self._reserve = Reserve(reserve_of(path), size=reserve, sync=sync)
        for line in continuing(self._reserve.lines(), self._chain):
            link = link_of(line)
            self._chain = self._chain if link is None else link.chain
        with suppress(OSError):
            self._empty_reserve()

    def append(self, texts: Sequence[bytes]) -> None:
        """Put JSON objects on disk as lines.

        Raises:
            OSError: there is no room, or the disk is broken; not one of them was put there.
        """
        self._be_there()
        self._empty_reserve()
        lines, chain = sealed(texts, self._chain)
        self._put(lines)
        self._chain = self._main_chain = chain

    def append_in_reserve(self, texts: Sequence[bytes]) -> None:
        """Put them into the reserve; as soon as there is room they move to the others.

        Raises:
            OSError: as ``append``.
        """
        self._be_there()
        lines, chain = sealed(texts, self._chain)
        self._reserve.put(lines)
        self._chain = chain

    def close(self) -> None:
        self._reserve.close()
        os.close(self._file)

    def _empty_reserve(self) -> None:
        if not self._reserve.holds:
            return
        lines = list(continuing(self._reserve.lines(), self._main_chain))
        self._put(b"".join(line + b"\n" for line in lines))
        self._main_chain = self._chain
        self._reserve.clear()

    def _be_there(self) -> None:
        """What was removed under the running daemon is put back, from what it still has open."""
        if not self._ours():
            raise OSError(EPERM, "not ours to write: the lock of the portfolio is lost")
        try:
            there = self._path.stat()
        except FileNotFoundError:
            self._put_back()
            return
        if not os.path.samestat(there, os.fstat(self._file)):
            raise OSError(EEXIST, "another file stands in its place", str(self._path))

    def _put_back(self) -> None:
        replacement = os.open(self._path, _MODE | os.O_EXCL, 0o600)
        try:
            at = 0
            while part := os.pread(self._file, min(self._size - at, REACH), at):
                at += os.write(replacement, part)
            self._sync(replacement)
        except OSError:
            os.close(replacement)
            with suppress(OSError):
                self._path.unlink()
            raise
        os.close(self._file)
        self._file = replacement

    def _put(self, lines: bytes) -> None:
        """All of it or nothing."""
        try:
            if self._torn:
                os.ftruncate(self._file, self._size)
            self._size = os.fstat(self._file).st_size
            self._torn = True
            left = memoryview(lines)
            while left:
                left = left[os.write(self._file, left) :]
            self._sync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
                self._torn = False
            raise
        self._size += len(lines)
        self._torn = False


def _aside(path: Path) -> Path | None:
    make_way(reserve_of(path))
    kept = make_way(path)
    if kept is None and path.exists() and (why := flaw(path)):
        kept = set_aside(path, why)
    if kept is not None and reserve_of(path).exists():
        reserve_of(path).rename(reserve_of(kept))
    return kept


def _cut_tail(file: int) -> bytes:
    """Cut off and give out what stands after the last newline."""
    size = os.fstat(file).st_size
    at = size
    while at:
        begin = max(at - REACH, 0)
        found = os.pread(file, at - begin, begin).rfind(b"\n")
        if found >= 0:
            at = begin + found + 1
            break
        at = begin
    tail = os.pread(file, min(size - at, REACH), at)
    if at < size:
        os.ftruncate(file, at)
    return tail
