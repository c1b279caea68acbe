"""Whoever reads what the daemon prints, or does not, or is gone: it controls, and ends safely."""

import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from simulators.wire.free_ports import free_base_port
from tests.integration.processes import Ended, Running, audit, simulated, until, vpp
from vpp.cli import exits
from vpp.config.examples import example_city

pytestmark = pytest.mark.timeout(400)  # some patient waits, on a busy machine
HOUSE = example_city("one-house")
PIPE = 4096
TICKS = 2
WIDE, HIGH = 400, 200
"""Of a terminal that one or two frames of the live view fill."""


class Reader:
    """Of both streams; it reads nothing."""

    def __init__(self, ends: tuple[int, int], *options: str) -> None:
        self._reads, self.prints_to = ends
        self.options = options

    def leave(self) -> None:
        os.close(self._reads)
        self._reads = -1

    def close(self) -> None:
        """Both ends."""
        for end in (self._reads, self.prints_to):
            if end >= 0:
                os.close(end)


def full_pipe() -> Reader:
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PIPE)
    os.write(writes, b"x" * PIPE)
    return Reader((reads, writes))


def large_terminal() -> Reader:
    reads, writes = pty.openpty()
    fcntl.ioctl(writes, termios.TIOCSWINSZ, struct.pack("HHHH", HIGH, WIDE, 0, 0))
    return Reader((reads, writes), "--watch")


@pytest.fixture(params=[full_pipe, large_terminal], ids=["pipe", "terminal"])
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    found = request.param()
    yield found
    found.close()


@contextmanager
def daemon_of(reader: Reader, home: Path, base_port: int, port: int) -> Iterator[Running]:
    words = ["run", HOUSE, "--base-port", base_port, "--http", f"127.0.0.1:{port}"]
    with vpp(home, [*words, *reader.options], prints_to=reader.prints_to) as daemon:
        yield daemon


def gone(reader: Reader, daemon: Running) -> Ended:
    """Reader and session end together, as with a window that is closed."""
    reader.leave()
    return daemon.hang_up()


def ticks(port: int) -> float:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1.0) as answer:
            text = answer.read().decode()
    except (URLError, TimeoutError, ConnectionError):
        return 0.0
    found = re.search(r"^vpp_tick_duration_seconds_count (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def turns(port: int) -> None:
    """Wait until the loop has turned some more."""
    until(lambda: ticks(port) > 0, "the first tick")
    first = ticks(port)
    until(lambda: ticks(port) > first + TICKS, "more ticks")


def test_a_reader_who_does_not_read_stops_nothing_and_hides_no_unsafe_end(
    reader: Reader, tmp_path: Path
) -> None:
    """None of its devices is there, so that there is something to log at once."""
    port = free_base_port([0])
    with daemon_of(reader, tmp_path, free_base_port([10]), port) as daemon:
        turns(port)
        assert daemon.hang_up().code == exits.UNSAFE


def test_a_reader_who_leaves_with_the_session_leaves_the_battery_safe(
    reader: Reader, tmp_path: Path
) -> None:
    with (
        simulated(HOUSE, tmp_path) as city,
        daemon_of(reader, tmp_path, city.base_port, free_base_port([0])) as daemon,
    ):
        until(city.writes, "a write to the battery")
        assert gone(reader, daemon).code == exits.OK
    *_, last = (record for record in audit(tmp_path) if record["event"] == "intent")
    assert (last["form"], last["why"]) == ("stop", "safe state: zero")
    assert audit(tmp_path)[-1]["why"] == "stopped: safe"
    intents, ends = (
        sorted(record["command"] for record in audit(tmp_path) if record["event"] == event)
        for event in ("intent", "outcome")
    )
    assert intents == ends


def test_without_any_stream_nothing_else_takes_their_place(tmp_path: Path) -> None:
    port = free_base_port([0])
    words = ["run", HOUSE, "--base-port", free_base_port([10]), "--http", f"127.0.0.1:{port}"]
    with vpp(tmp_path, words, redirected="<&- >&- 2>&-") as daemon:
        turns(port)
        opened = Path(f"/proc/{daemon.process.pid}/fd")
        streams = {(opened / str(descriptor)).readlink() for descriptor in range(3)}
        assert daemon.terminate().code == exits.UNSAFE
    assert streams == {Path(os.devnull)}


def test_what_the_parent_ignores_stays_ignored_and_no_terminal_stops_who_prints(
    tmp_path: Path,
) -> None:
    port = free_base_port([0])
    words = ["run", HOUSE, "--base-port", free_base_port([10]), "--http", f"127.0.0.1:{port}"]
    with vpp(tmp_path, words, ignores=[signal.SIGHUP]) as daemon:
        turns(port)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.process.send_signal(signal.SIGTTOU)  # as after ``stty tostop``
        turns(port)
        assert daemon.terminate().code == exits.UNSAFE


def test_a_demo_that_is_given_up_while_it_prepares_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with vpp(tmp_path / "state", ["demo", HOUSE]) as demo:
        until(lambda: any(tmp_path.glob("vpp-demo-*")), "the beginning of its preparation")
        ended = demo.hang_up()
    assert ended.code == exits.OK, ended.err
    assert "stopped before anything was controlled" in ended.out
    assert list(tmp_path.glob("vpp-demo-*")) == []
    assert not (tmp_path / "state").exists(), "the city was not even started"
