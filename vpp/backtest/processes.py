"""Processes that work beside this one, and never outlive it."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process, resource_tracker
from typing import Any, TypeVar

Made = TypeVar("Made")
Begin = Callable[..., Callable[[], Any]]


@contextmanager
def side_by_side(workers: int) -> Iterator[Begin]:
    """How to begin what may run beside the rest: at once in another process, or when asked for.

    Ctrl-C, which a terminal sends to all of them, is heard by this one alone. The others end with
    it, however it ends.
    """
    if workers < 2:
        yield lambda work, *given: lambda: work(*given)
        return
    others = set(active_children())
    spawn = get_context("spawn")
    with ProcessPoolExecutor(workers - 1, mp_context=spawn, initializer=_end_with_parent) as pool:

        def begin(work: Callable[..., Made], *given: object) -> Callable[[], Made]:
            with _deaf_children():
                future: Future[Made] = pool.submit(work, *given)
            return future.result

        try:
            yield begin
        except BaseException:
            for process in set(active_children()) - others:
                process.terminate()
            raise


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes begun inside do not hear Ctrl-C; this one hears it afterwards."""
    resource_tracker.ensure_running()  # it would let the signal through when it is begun
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """A parent that was killed leaves the pipe open on which a worker waits for more to do."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
