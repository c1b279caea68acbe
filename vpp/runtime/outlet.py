"""Text for a reader who may be slow, asleep or gone: whoever writes never waits for him."""

import atexit
import io
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

ROOM = 1 << 20
"""Bytes that wait for a reader."""
LAST_WORDS_S = 0.5
"""What a process grants its reader at the end."""


class Outlet(io.BufferedIOBase):
    """A file that takes everything at once; a thread of its own brings it to the descriptor.

    What finds no room, or cannot be written, is dropped whole, counted in lines, and told at its
    place as soon as text flows again.
    """

    def __init__(self, target: int, told: Callable[[int], str], *, room: int = ROOM) -> None:
        """``told``: the words that stand where so many lines are missing."""
        self._target, self._told, self._room = target, told, room
        self._changed = threading.Condition()
        self._waiting: deque[bytes | int] = deque()
        """Text, and counts of lines where some are missing."""
        self._size = 0
        """Bytes of text that wait or are being written."""
        self._busy = self._torn = False
        self._owed = 0
        threading.Thread(target=self._bring_all, name="outlet", daemon=True).start()

    @property
    def behind(self) -> bool:
        """Whether something still waits for its reader."""
        with self._changed:
            return self._busy or bool(self._waiting)

    def write(self, text: object, /) -> int:
        taken = bytes(memoryview(text))  # type: ignore[arg-type]  # a buffer, as io says
        with self._changed:
            if self._size and self._size + len(taken) > self._room:
                self._miss(_lines(taken))
            else:
                self._waiting.append(taken)
                self._size += len(taken)
                self._changed.notify_all()
        return len(taken)

    def await_reader(self, within_s: float) -> None:
        """Wait until everything is written, for a bounded time."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._busy or self._waiting), within_s)

    def writable(self) -> bool:
        return True

    @property
    def name(self) -> int:
        return self._target

    def fileno(self) -> int:
        return self._target

    def isatty(self) -> bool:
        return os.isatty(self._target)

    def _miss(self, lines: int) -> None:
        last = self._waiting.pop() if self._waiting else 0
        if isinstance(last, bytes):
            self._waiting.append(last)
            last = 0
        self._waiting.append(last + lines)

    def _bring_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                text, self._busy = self._waiting.popleft(), True
            if isinstance(text, int):
                self._owed += text
                text = b""
            self._bring(text)
            with self._changed:
                self._size -= len(text)
                self._busy = False
                self._changed.notify_all()

    def _bring(self, text: bytes) -> None:
        """Write it, after the count of what is missing before it."""
        notice = self._told(self._owed).encode() + b"\n" if self._owed else b""
        left = memoryview(b"\n" * self._torn + notice + text)
        whole = len(left)
        try:
            while left:
                left = left[self._written(left) :]
        except OSError:
            self._owed += _lines(text)
            self._torn = self._torn or 0 < len(left) < whole
        else:
            self._owed, self._torn = 0, False

    def _written(self, text: memoryview) -> int:
        try:
            return os.write(self._target, text)
        except BlockingIOError:  # whoever gave us the descriptor may have made it so
            waiting = select.poll()
            waiting.register(self._target, select.POLLOUT)
            waiting.poll()
            return 0


def unhurried(target: int, told: Callable[[int], str], *, encoding: str = "utf-8") -> TextIO:
    """A text file that never makes its writer wait.

    What its encoding lacks is replaced. At the end of the process its reader gets a moment for the
    last words.
    """
    outlet = Outlet(target, told)
    text = io.TextIOWrapper(outlet, encoding=encoding, errors="replace", line_buffering=True)

    def last_words() -> None:
        text.flush()
        outlet.await_reader(LAST_WORDS_S)

    atexit.register(last_words)
    return text


def is_behind(stream: object) -> bool:
    """Whether text of such a file still waits for its reader; never true of any other file."""
    outlet = getattr(stream, "buffer", None)
    return isinstance(outlet, Outlet) and outlet.behind


def _lines(text: bytes) -> int:
    return text.count(b"\n") or 1
