"""What the process that started the simulators says on their standard input."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable

from simulators.clock import CityClock

LONGEST_LINE = 256


def listen(pipe: int, clock: CityClock, ended: Callable[[], None]) -> None:
    """Follow the parent on the running loop; `ended` is called when its end of the pipe closes.

    A line `speed X` lets the city run X times as fast from now on; `speed X at S`, as if it had
    since S on this host's monotonic clock, so that the parent's own clock stays the same.
    """
    loop = asyncio.get_running_loop()
    rest = b""

    def heard() -> None:
        nonlocal rest
        data = os.read(pipe, 4096)
        if not data:
            loop.remove_reader(pipe)
            ended()
        *lines, rest = (rest + data).split(b"\n")
        rest = rest[-LONGEST_LINE:]
        for line in lines:
            _obey(line.decode(errors="replace"), clock)

    loop.add_reader(pipe, heard)


def end_with(pipe: int) -> None:
    """From now on this process is terminated when the parent's end of the pipe closes.

    For work that runs on no loop.
    """

    def wait() -> None:
        while os.read(pipe, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _obey(line: str, clock: CityClock) -> None:
    try:
        _change_speed(line.split(), clock)
    except ValueError as error:
        sys.stderr.write(f"simulators: the line {line!r} is not understood: {error}\n")


def _change_speed(words: list[str], clock: CityClock) -> None:
    match words:
        case ["speed", speed]:
            clock.speed = float(speed)
        case ["speed", speed, "at", since]:
            clock.change_speed(float(speed), float(since))
        case _:
            raise ValueError("'speed X' or 'speed X at S' would be")
