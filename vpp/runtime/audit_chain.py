"""The hash chain over the audit record: every line vouches for all lines before it.

A line's ``chain`` is the SHA-256 of the chain before it and of its own text without ``chain``; the
first one follows the SHA-256 of everything that stood in the file before.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_BEGIN, _MARK, _END, _HEX = b'{"event":', b',"chain":"', b'"}', 64
_TAIL = len(_MARK) + _HEX + len(_END)
REACH = 1 << 16
"""Bytes of a file's end in which its last line is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A line taken apart."""

    text: bytes
    """Without its chain: a JSON object."""
    chain: str


def follow(text: bytes, before: str) -> str:
    """The chain of a line after the chain ``before``."""
    return hashlib.sha256(before.encode() + text).hexdigest()


def sealed(texts: Sequence[bytes], before: str) -> tuple[bytes, str]:
    """JSON objects as lines that continue the chain ``before``, and the newest chain."""
    lines: list[bytes] = []
    for text in texts:
        before = follow(text, before)
        lines.append(text[:-1] + _MARK + before.encode() + _END + b"\n")
    return b"".join(lines), before


def link_of(line: bytes) -> Link | None:
    """A line without its newline; None where it carries no chain."""
    text, tail = line[:-_TAIL], line[-_TAIL:]
    if not text or not tail.startswith(_MARK) or not tail.endswith(_END):
        return None
    chain = tail[len(_MARK) : -len(_END)].decode("ascii", "replace")
    return Link(text=text + b"}", chain=chain)


def continuing(lines: Iterable[bytes], before: str) -> Iterator[bytes]:
    """Those lines that come after the chain ``before``, as far as it goes on."""
    for line in lines:
        link = link_of(line)
        if link is not None and link.chain == follow(link.text, before):
            before = link.chain
            yield line


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first line that does not follow from those before it."""

    file: Path
    line: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a walk along the chain found."""

    lines: int
    """Lines that hold, unchained ones included."""
    unchained: int
    """Lines at the beginning from before there was a chain; the first chain vouches for them."""
    chain: str
    """The newest one: noted elsewhere, it proves later that nothing up to here was changed."""
    seen: bool
    """The chain that was asked for is in the record."""
    unfinished: bool
    """The last line has no end: it is being written, or its writer was cut off."""
    broken: Break | None = None


def verify(path: Path, reserve: Path, holds: str = "") -> Verdict:
    """Walk along the whole record, and along what stands in the reserve after it.

    Raises:
        OSError: it cannot be read.
    """
    walk = _Walk(holds)
    with path.open("rb") as file:
        walk.along(path, file)
    if walk.broken is None and reserve.exists():
        lines = reserve.read_bytes().partition(b"\0")[0].splitlines(keepends=True)
        walk.along(reserve, [x + b"\n" for x in continuing(map(bytes.rstrip, lines), walk.chain)])
    return walk.verdict()


class _Walk:
    def __init__(self, holds: str) -> None:
        self._before = hashlib.sha256()
        self._lines = self._unchained = 0
        self._chained = self._unfinished = self._seen = False
        self._holds = holds
        self.chain = self._before.hexdigest()
        self.broken: Break | None = None

    def along(self, path: Path, lines: Iterable[bytes]) -> None:
        for number, line in enumerate(lines, 1):
            whole = line.endswith(b"\n")
            problem = self._step(line) if whole else _unfinished(line)
            if problem:
                self.broken = Break(file=path, line=number, problem=problem)
                return
            if not whole:
                self._unfinished = True
                return
            self._lines += 1
            self._seen |= self.chain == self._holds

    def verdict(self) -> Verdict:
        return Verdict(
            lines=self._lines,
            unchained=self._unchained,
            chain=self.chain,
            seen=self._seen,
            unfinished=self._unfinished,
            broken=self.broken,
        )

    def _step(self, line: bytes) -> str:
        """What is wrong with it; empty if nothing is."""
        link = link_of(line[:-1])
        if link is None:
            if self._chained:
                return "it carries no chain"
            if not _is_record(line):
                return "it is no record: records are JSON objects that tell an event"
            self._before.update(line)
            self.chain, self._unchained = self._before.hexdigest(), self._unchained + 1
            return ""
        if link.chain != follow(link.text, self.chain):
            return "it was changed, or lines before it were changed, removed, added or moved"
        self.chain, self._chained = link.chain, True
        return ""


def _is_record(line: bytes) -> bool:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "event" in found


def _unfinished(line: bytes) -> str:
    """What is wrong with a line that was cut off, perhaps with zeros after it."""
    text = line.rstrip(b"\0")
    if text[: len(_BEGIN)] == _BEGIN[: len(text)]:
        return ""
    return "it is not finished, and not the beginning of a record"


def flaw(path: Path) -> str:
    """What keeps lines from being put behind a file's; empty if nothing does.

    By its first and its last whole line: walking along all of them is for ``verify``. Whatever
    stands after the last whole line is a line that was cut off.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        first = file.readline(REACH)
        file.seek(max(path.stat().st_size - REACH, 0))
        whole, end, _ = file.read().rpartition(b"\n")
    if not end or not first.endswith(b"\n"):
        return _unfinished(first) if first else ""
    last = whole.rpartition(b"\n")[2]
    for name, line in (("first", first[:-1]), ("last", last)):
        if not _is_record(line):
            return f"its {name} line is no record"
    if link_of(first[:-1]) is not None and link_of(last) is None:
        return "its last line carries no chain"
    return ""


def last_chain(path: Path) -> str:
    """Of a record whose lines are all complete.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - REACH, 0))
        link = link_of(file.read().removesuffix(b"\n"))
        if link is not None:
            return link.chain
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()
