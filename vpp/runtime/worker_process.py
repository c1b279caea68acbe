"""The other end of the planning worker's pipe.

Started as ``python -m vpp.runtime.worker_process PLANNER FORECASTER MEMORY_MB [MODELS]``; what the
forecaster learns outlives it in the folder MODELS. Says with an empty message that it is ready,
then answers one request after the other. Ends when the parent's pipe closes; ignores what a
terminal sends, since the parent must first make devices safe.
"""

import os
import pickle
import resource
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

from vpp.domain.errors import PlannerFailed, PlanningError, VppError
from vpp.ports import plugins
from vpp.ports.planner import Forecaster, Planner
from vpp.runtime.model_registry import Memory, ModelRegistry
from vpp.runtime.worker import LENGTH

POLITENESS = 10
"""A plan may be a moment late; a tick may not."""


def main(arguments: list[str]) -> None:
    """Serve requests until the pipe closes."""
    planner_name, forecaster_name, memory_mb, *models = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.nice(POLITENESS)
    cap = int(memory_mb) << 20
    resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    planner = cast("type[Planner]", plugins.load(plugins.PLANNERS, planner_name))()
    forecaster = cast("type[Forecaster]", plugins.load(plugins.FORECASTERS, forecaster_name))()
    registry = ModelRegistry(Path(models[0]), forecaster_name) if models else None
    memory = Memory(forecaster, registry)
    _send(answers, b"")
    _serve(sys.stdin.buffer, answers, planner, forecaster, memory)


def _send(answers: BinaryIO, body: bytes) -> None:
    answers.write(LENGTH.pack(len(body)) + body)
    answers.flush()


def _serve(
    requests: BinaryIO,
    answers: BinaryIO,
    planner: Planner,
    forecaster: Forecaster,
    memory: Memory,
) -> None:
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        kind, payload = pickle.loads(requests.read(LENGTH.unpack(head)[0]))  # noqa: S301 - our own parent
        answer = _answer(kind, payload, planner, forecaster)
        memory.keep()
        _send(answers, pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL))


def _answer(kind: str, payload: Any, planner: Planner, forecaster: Forecaster) -> object:
    try:
        if kind == "plan":
            return planner.plan(payload)
        return forecaster.forecast(payload)
    except PlanningError as fault:
        return fault
    except MemoryError:
        return PlannerFailed(f"{kind}: the worker's memory cap was reached")
    except (
        VppError,
        ArithmeticError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
    ) as fault:
        return PlannerFailed(f"{kind}: {type(fault).__name__}: {fault}")


if __name__ == "__main__":
    main(sys.argv[1:])
