"""A day is judged in a process of its own, which lives no longer than that takes.

Not in the planning worker: there a plan that is due would wait for a bound that is not.
"""

import asyncio
import contextlib
import os
import pickle
import resource
import signal
import sys
from pathlib import Path

from vpp.domain.day import DayScore, MeasuredDay
from vpp.domain.errors import PlannerFailed, StoreUnavailable
from vpp.domain.judging import judge

DEADLINE_S = 300.0
"""On the wire, for all that a day asks for."""
POLITENESS = 15
"""A score may be minutes late: plans and ticks go first."""
MEMORY_MB = 2048


async def judged(day: MeasuredDay, log: Path) -> DayScore:
    """The day's score; what the process prints goes to ``log``.

    Raises:
        PlannerFailed: it died, was late, or found no bound.
        StoreUnavailable: the log cannot be written, so that no score could be kept beside it.
    """
    try:
        printed = await asyncio.to_thread(log.open, "ab")
    except OSError as error:
        raise StoreUnavailable(f"{log}: {error.strerror}; make it writable, or room") from error
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "vpp.runtime.judge_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=printed,
            start_new_session=True,
        )
    finally:
        printed.close()
    try:
        async with asyncio.timeout(DEADLINE_S):
            answer, _ = await child.communicate(pickle.dumps(day, pickle.HIGHEST_PROTOCOL))
    except TimeoutError as error:
        raise PlannerFailed(f"a day was not judged within {DEADLINE_S:.0f} s") from error
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    code = await child.wait()
    if code < 0:
        how = signal.Signals(-code).name
        raise PlannerFailed(f"the judge of a day was killed by {how}: is memory short?")
    if code > 0:
        raise PlannerFailed(f"the judge of a day died: its words are in {log}")
    found: object = pickle.loads(answer)  # noqa: S301 - our own child
    if isinstance(found, PlannerFailed):
        raise found
    if not isinstance(found, DayScore):
        raise PlannerFailed(f"the judge of a day answered with {type(found).__name__}")
    return found


def main() -> None:
    """Judge the day that comes in, and end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.nice(POLITENESS)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MB << 20, MEMORY_MB << 20))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    day: MeasuredDay = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - our own parent
    found: DayScore | PlannerFailed
    try:
        found = judge(day)
    except PlannerFailed as fault:
        found = fault
    answers.write(pickle.dumps(found, pickle.HIGHEST_PROTOCOL))
    answers.flush()


if __name__ == "__main__":
    main()
