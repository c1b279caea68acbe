"""Ctrl-C outside of the daemon, which has its own way out."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Ctrl-C ends the process without a word, as the shell expects it; its code there is 130.

    Where it is ignored, as for what a shell runs in the background, it stays ignored.
    """
    if not _interrupts():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def never_lost() -> Iterator[Callable[[], None]]:
    """Ctrl-C is a ``KeyboardInterrupt``, and one again at the next call of what this gives.

    Native code that calls back into Python loses one that comes just then.
    """
    heard = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        heard.set()
        signal.default_int_handler(number, frame)

    def tell() -> None:
        if heard.is_set():
            raise KeyboardInterrupt

    if not _interrupts():
        yield tell
        return
    signal.signal(signal.SIGINT, hear)
    try:
        yield tell
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupts() -> bool:
    """Whether Ctrl-C does what Python makes of it, and this thread may change that."""
    heard, main = signal.getsignal(signal.SIGINT), threading.main_thread()
    return heard is signal.default_int_handler and threading.current_thread() is main
