"""The standard streams of a process: always there, and never a reason to wait."""

import os
import signal
import sys
from collections.abc import Callable
from typing import TextIO

from vpp.runtime.logs import missing_as_json, missing_in_words
from vpp.runtime.outlet import unhurried

_OUTPUT, _ERROR = 1, 2


def open_closed() -> None:
    """Stand in for streams that the parent closed, as ``>&-`` does.

    Else the next file to be opened would take their number, and get what is printed.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(_OUTPUT, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(_ERROR, "w", closefd=False)


def never_wait() -> None:
    """Nothing that this process prints from here on makes it wait, or fails.

    A pipe or a terminal that nobody reads, or that is gone, is no reason to stop dispatch; nor is
    one that stops whoever prints in the background (``stty tostop``).
    """
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    person = sys.stderr.isatty()
    sys.stdout = _unhurried(sys.stdout, missing_in_words)
    sys.stderr = _unhurried(sys.stderr, missing_in_words if person else missing_as_json)


def _unhurried(stream: TextIO, told: Callable[[int], str]) -> TextIO:
    try:
        target = stream.fileno()
    except OSError:  # it stands in for a stream, and nobody keeps it waiting
        return stream
    stream.flush()
    return unhurried(target, told, encoding=stream.encoding)
