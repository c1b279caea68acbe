"""Starts the simulated city as a process of its own, and ends it without losing devices early."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpp.domain.errors import VppError

START_WITHIN_S = 60.0
END_WITHIN_S = 5.0
WRONG_CITY = 3
"""Their exit code for a wrong city file, as ours."""


@dataclass(frozen=True, slots=True)
class SimulatedCity:
    """The running process."""

    ready: Mapping[str, Any]
    """What it said when everything was listening."""
    _said: asyncio.StreamWriter
    ended: asyncio.Event
    """Set when the process has ended by itself."""

    def change_speed(self, speed: float, since_s: float) -> None:
        """Let it run at this speed as of ``since_s``, wire monotonic; never waits."""
        if not self._said.is_closing():
            self._said.write(f"speed {speed:g} at {since_s!r}\n".encode())


@asynccontextmanager
async def simulators(city: Path, *arguments: str) -> AsyncIterator[SimulatedCity]:
    """Run ``python -m simulators`` until left.

    The process has its own session, so that Ctrl-C at the terminal does not reach it, and ends when
    the pipe to this process closes.

    Raises:
        VppError: it ended or said nothing in time; the message holds its last words.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", str(city), "--stop-with-parent", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        running = await _ready(process)
        drains = [
            asyncio.create_task(_drain(stream, running.ended))
            for stream in (process.stdout, process.stderr)
            if stream
        ]
        try:
            yield running
        finally:
            for drain in drains:
                drain.cancel()
    finally:
        await _end(process)


async def export(city: Path, *arguments: str) -> None:
    """Run ``python -m simulators --export …`` to its end.

    Raises:
        VppError: it failed; the message holds its words.
    """
    code, words = await _ended(city, *arguments)
    if code:
        raise VppError(f"the simulators could not export: {_last(words)}")


async def check(city: Path, *arguments: str) -> str:
    """What is wrong with a city file for the simulators, its place first; nothing: it is right.

    Raises:
        VppError: they could not say.
    """
    code, words = await _ended(city, "--check", *arguments)
    if code not in (0, WRONG_CITY):
        raise VppError(f"the simulators could not check the city file: {_last(words)}")
    return _last(words).removeprefix("simulators: ") if code else ""


async def _ended(city: Path, *arguments: str) -> tuple[int | None, bytes]:
    """Exit code and words on standard error of a process that ends by itself, or with this one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", str(city), "--stop-with-parent", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    if process.stderr is None:
        raise VppError("the simulators have no pipes")
    try:
        words = await process.stderr.read()
        return await process.wait(), words
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise


async def _ready(process: asyncio.subprocess.Process) -> SimulatedCity:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise VppError("the simulators have no pipes")
    try:
        async with asyncio.timeout(START_WITHIN_S):
            line = await process.stdout.readline()
            words = b"" if line else await process.stderr.read()
    except TimeoutError as error:
        raise VppError(f"the simulators were not ready within {START_WITHIN_S:.0f} s") from error
    if not line:
        raise VppError(f"the simulators ended before they were ready: {_last(words)}")
    try:
        ready: Mapping[str, Any] = json.loads(line)
    except ValueError as error:
        raise VppError(f"the simulators said {line!r} instead of being ready") from error
    return SimulatedCity(ready, process.stdin, asyncio.Event())


async def _drain(stream: asyncio.StreamReader, ended: asyncio.Event) -> None:
    while await stream.readline():
        pass
    ended.set()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _last(words: bytes) -> str:
    return " / ".join(words.decode(errors="replace").strip().splitlines()[-3:]) or "no words"
