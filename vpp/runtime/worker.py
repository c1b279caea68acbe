"""Planner and forecaster in a process of their own.

Deadline, memory cap, one request in flight, killed and restarted cold.
"""

import asyncio
import contextlib
import os
import pickle
import signal
import struct
import sys
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from vpp.domain.errors import PlannerFailed, PlanningError
from vpp.domain.forecast import Forecast, ForecastRequest
from vpp.domain.plan import Plan
from vpp.domain.problem import Problem
from vpp.runtime.damage import make_way

LENGTH = struct.Struct(">Q")
FORECAST_DEADLINE_S = 20.0
START_S = 60.0
"""Longest for a cold worker to load its libraries. It is no part of a request's deadline: a machine
on which loading takes longer than that would start cold again and again and never see a plan."""


class PlanningWorker:
    """Makes the synchronous planner and forecaster asynchronous, and harmless."""

    def __init__(
        self,
        *,
        planner: str,
        forecaster: str,
        log: Path,
        models: Path | None = None,
        memory_mb: int = 2048,
    ) -> None:
        """Planner and forecaster by entry-point name; what the process prints goes to ``log``.

        ``models``: folder in which what the forecaster learns outlives the process.
        """
        self._command = (
            sys.executable,
            "-m",
            "vpp.runtime.worker_process",
            planner,
            forecaster,
            str(memory_mb),
            *(() if models is None else (str(models),)),
        )
        self._log = log
        self._child: asyncio.subprocess.Process | None = None
        self._one = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(make_way, self._log)
        self._printed = await asyncio.to_thread(self._log.open, "ab")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._kill()
        self._printed.close()

    async def plan(self, problem: Problem) -> Plan:
        """The plan, within the problem's deadline on the wire from when the worker is ready.

        Raises:
            PlanningError: rejected, failed, crashed or late; the next request finds a cold worker.
        """
        return _expect(await self._ask(("plan", problem), problem.deadline_s), Plan)

    async def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        """One forecast per series and group.

        Raises:
            PlanningError: likewise.
        """
        return _expect(await self._ask(("forecast", request), FORECAST_DEADLINE_S), tuple)

    async def _ask(self, request: tuple[str, object], deadline_s: float) -> object:
        async with self._one:
            answered = False
            try:
                await self._make_ready()
                answer = await self._exchange(request, deadline_s)
                answered = True
            except (asyncio.IncompleteReadError, ConnectionError, pickle.UnpicklingError) as error:
                words = await asyncio.to_thread(_last_words, self._log)
                raise PlannerFailed(f"the worker died during a {request[0]}: {words}") from error
            finally:
                if not answered:
                    await self._kill()
        if isinstance(answer, PlanningError):
            raise answer
        return answer

    async def _make_ready(self) -> None:
        if self._child is not None and self._child.returncode is None:
            return
        await self._kill()
        try:
            async with asyncio.timeout(START_S):
                self._child = await self._start()
                await self._read()
        except TimeoutError as error:
            raise PlannerFailed(
                f"the worker was not ready within {START_S:.0f} s and was killed"
            ) from error

    async def _exchange(self, request: tuple[str, object], deadline_s: float) -> object:
        try:
            async with asyncio.timeout(deadline_s):
                await self._write(pickle.dumps(request, protocol=pickle.HIGHEST_PROTOCOL))
                answer: object = pickle.loads(await self._read())  # noqa: S301 - our own child
                return answer
        except TimeoutError as error:
            raise PlannerFailed(
                f"no {request[0]} within {deadline_s:.0f} s; the worker was killed"
            ) from error

    async def _write(self, body: bytes) -> None:
        if self._child is None or self._child.stdin is None or self._child.stdin.is_closing():
            raise ConnectionError("the worker has no pipes")
        self._child.stdin.write(LENGTH.pack(len(body)) + body)
        await self._child.stdin.drain()

    async def _read(self) -> bytes:
        if self._child is None or self._child.stdout is None:
            raise ConnectionError("the worker has no pipes")
        (length,) = LENGTH.unpack(await self._child.stdout.readexactly(LENGTH.size))
        return await self._child.stdout.readexactly(length)

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._printed,
            start_new_session=True,
        )

    async def _kill(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            # Not child.kill(): that may reap a dead child before the loop's watcher does.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


def _last_words(log: Path) -> str:
    try:
        lines = log.read_bytes().decode(errors="replace").strip().splitlines()
    except OSError as error:
        return f"its last words cannot be read: {error}"
    return lines[-1] if lines else f"nothing is said in {log}"


Answer = TypeVar("Answer")


def _expect(answer: object, kind: type[Answer]) -> Answer:
    if not isinstance(answer, kind):
        raise PlannerFailed(
            f"the worker answered with {type(answer).__name__}, expected {kind.__name__}"
        )
    return answer
