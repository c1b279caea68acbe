"""A linear program as arrays, and the port of whatever solves it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from scipy.sparse import csc_array

from vpp.domain.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearProgram:
    """``lower <= x <= upper`` and ``row_lower <= matrix @ x <= row_upper``; kW and kWh.

    Every column bound is finite. The cost is given with each solve: the stages share one program.
    """

    matrix: csc_array
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    columns: Mapping[str, Ints]
    """Column indices by block, in the shape of the block."""
    rows: Mapping[str, Ints]
    whole: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Columns that may only take whole values; a program with any has no duals."""


class Status(StrEnum):
    """How a solve ended."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    TIME_LIMIT = "time limit"
    FAILED = "failed"
    """Anything else: the message says what the solver said."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """What a solve returned; the arrays have length 0 unless the status is optimal.

    At a time limit ``x`` may hold the best point found, of a program with whole columns.

    Signs are those of minimisation: a positive dual or reduced cost belongs to a lower bound.
    """

    status: Status
    x: Floats
    duals: Floats
    """Per row: change of the optimum per unit of its bound."""
    reduced_costs: Floats
    cpu_s: float
    """Processor time of the native call alone."""
    message: str = ""
    bound: float = float("-inf")
    """What no point can be better than, where ``x`` is only the best found in time."""


_NOTHING = np.zeros(0)
UNSOLVED = Solution(
    status=Status.TIME_LIMIT,
    x=_NOTHING,
    duals=_NOTHING,
    reduced_costs=_NOTHING,
    cpu_s=0.0,
    message="no time left",
)


class Solver(Protocol):
    """Minimises ``cost @ x`` over a program."""

    def solve(self, program: LinearProgram, cost: Floats, time_limit_s: float) -> Solution: ...
