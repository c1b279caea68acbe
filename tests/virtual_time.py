"""A loop on which a day passes in seconds, and in the same way on a slow machine."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

Given = TypeVarTuple("Given")
Result = TypeVar("Result")


class _Jumping(selectors.DefaultSelector):
    """Passes the time that it should wait, unless a thread is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.at_work: set[asyncio.Future[Any]] = set()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self.at_work:
            return super().select(None)
        self.now_s += timeout
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, selector: _Jumping) -> None:
        self._jumping = selector
        super().__init__(selector)

    def time(self) -> float:
        return self._jumping.now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Given], Result], *args: *Given
    ) -> asyncio.Future[Result]:
        work = super().run_in_executor(executor, func, *args)
        self._jumping.at_work.add(work)
        work.add_done_callback(self._jumping.at_work.discard)
        return work


def virtual_loop() -> asyncio.AbstractEventLoop:
    """Its clock jumps to the next timer when all tasks wait, and stands while a thread works."""
    return _VirtualLoop(_Jumping())
