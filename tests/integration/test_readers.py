"""Whoever reads what the daemon prints, or does not: it goes on controlling."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from simulators.wire.free_ports import free_base_port
from tests.integration.processes import until, vpp
from vpp.cli import exits
from vpp.config.examples import example_city

PIPE = 4096
TICKS = 4
WIDE, HIGH = 400, 200
"""Of a terminal that one or two frames of the live view fill."""


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """Reader and writer; it has no room left."""
    reads, writes = os.pipe()
    try:
        fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PIPE)
        os.write(writes, b"x" * PIPE)
        yield reads, writes
    finally:
        os.close(reads)
        os.close(writes)


@contextmanager
def large_terminal() -> Iterator[tuple[int, int]]:
    """The person's side, and the process's."""
    reads, writes = pty.openpty()
    try:
        fcntl.ioctl(writes, termios.TIOCSWINSZ, struct.pack("HHHH", HIGH, WIDE, 0, 0))
        yield reads, writes
    finally:
        os.close(reads)
        os.close(writes)


def ticks(port: int) -> float:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1.0) as answer:
            text = answer.read().decode()
    except (URLError, TimeoutError):
        return 0.0
    found = re.search(r"^vpp_tick_duration_seconds_count (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize(
    ("reader", "more"), [(full_pipe, ()), (large_terminal, ("--watch",))], ids=["pipe", "terminal"]
)
def test_a_reader_that_does_not_read_stops_nothing(
    tmp_path: Path,
    reader: Callable[[], AbstractContextManager[tuple[int, int]]],
    more: tuple[str, ...],
) -> None:
    """None of its devices is there, so that there is something to log at once."""
    port = free_base_port([0])
    arguments = ["run", example_city("one-house"), "--base-port", free_base_port([10])]
    with (
        reader() as (_, prints),
        vpp(
            tmp_path, [*arguments, "--http", f"127.0.0.1:{port}", *more], prints_to=prints
        ) as daemon,
    ):
        until(lambda: ticks(port) > 0, "the first tick")
        first = ticks(port)
        until(lambda: ticks(port) > first + TICKS, "ticks of a daemon that nobody reads")
        ended = daemon.terminate()
    assert ended.code == exits.UNSAFE
