"""The simulated city and the daemon as processes of their own, as an operator has them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VPP = Path(sys.executable).with_name("vpp")
PATIENCE_S = 60.0
EVENING = "2026-07-15T20:00:00+09:00"
"""People are at home and the sun is down, whenever the tests are run: the battery is wanted."""


@dataclass(frozen=True, kw_only=True)
class SimulatedCity:
    """A running simulator process."""

    file: Path
    base_port: int
    write_log: Path
    pid: int

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The process stands still, its sockets open, as a machine that hangs."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def writes(self) -> list[dict[str, Any]]:
        """Every write that a device received so far."""
        return whole_lines(self.write_log) if self.write_log.exists() else []


def whole_lines(file: Path) -> list[dict[str, Any]]:
    """JSON lines of a file to which somebody may be writing just now."""
    *lines, _ = file.read_text().split("\n")
    return [json.loads(line) for line in lines]


def audit(home: Path) -> list[dict[str, Any]]:
    """The record of the one portfolio under this directory."""
    (file,) = home.glob("*/audit.jsonl")
    return whole_lines(file)


@contextmanager
def simulated(
    file: Path, directory: Path, start: str = EVENING, *, base_port: int = 0
) -> Iterator[SimulatedCity]:
    """Serve a city from an evening on, as fast as the wall's time; 0: on free ports."""
    write_log = directory / "writes.jsonl"
    command = [
        sys.executable, "-m", "simulators", str(file), "--base-port", str(base_port),
        "--stop-with-parent", "--write-log", str(write_log), "--start", start,
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            yield SimulatedCity(
                file=file, base_port=ready["base_port"], write_log=write_log, pid=process.pid
            )
        finally:
            process.stdin.close()
            process.wait(PATIENCE_S)


@dataclass(frozen=True, kw_only=True)
class Ended:
    code: int
    out: str
    err: str


class Running:
    """A ``vpp`` process, alone in its foreground group."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def interrupt_group(self) -> Ended:
        """What Ctrl-C at the terminal does: SIGINT to the whole group."""
        return self._end(lambda: os.killpg(self.process.pid, signal.SIGINT))

    def terminate(self) -> Ended:
        return self._end(self.process.terminate)

    def hang_up(self) -> Ended:
        """What a closed terminal does, twice."""

        def tell() -> None:
            self.process.send_signal(signal.SIGHUP)
            self.process.send_signal(signal.SIGHUP)

        return self._end(tell)

    def wait(self) -> Ended:
        return self._end(lambda: None)

    def _end(self, tell: Any) -> Ended:
        tell()
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return Ended(
            code=self.process.returncode,
            out=out or "",
            err=err or "",
        )


@contextmanager
def as_from_a_shell(ignores: Collection[signal.Signals] = ()) -> Iterator[None]:
    """Processes that are started inside are not deaf because whoever started the tests is."""
    before = {
        number: signal.signal(number, signal.SIG_IGN if number in ignores else signal.SIG_DFL)
        for number in (signal.SIGINT, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def vpp(
    home: Path,
    arguments: Sequence[object],
    *,
    prints_to: int = subprocess.PIPE,
    redirected: str = "",
    ignores: Collection[signal.Signals] = (),
) -> Iterator[Running]:
    """Start ``vpp`` with its state under ``home``; killed when left, if it still runs.

    ``prints_to``: a descriptor for both streams, instead of what ``Ended`` tells.
    ``redirected``: as a shell does it. ``ignores``: as ``nohup`` does.
    """
    environment = {**os.environ, "VPP_STATE_HOME": str(home), "COLUMNS": "160"}
    with as_from_a_shell(ignores):
        process = subprocess.Popen(
            ["sh", "-c", f'exec "$0" "$@" {redirected}', str(VPP), *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=prints_to, stderr=prints_to,
            text=True, env=environment, start_new_session=True,
        )  # fmt: skip
    with process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def until(true: Any, what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until something holds, for a bounded time."""
    end_s = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end_s, f"in vain waited for: {what}"
        time.sleep(0.05)
