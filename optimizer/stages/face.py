"""The optimal face of a solved program: what the next stage may still move.

A column whose reduced cost is not zero stays at its bound in every optimum, and a row whose dual is
not zero stays tight: fixing them is exact for any optimal dual, degenerate or not.
"""

from dataclasses import replace

import numpy as np

from optimizer.solving.program import LinearProgram, Solution
from vpp.domain.arrays import Floats

FIXING = 1e-7
"""Of the largest cost coefficient: a smaller dual counts as zero."""


def optimal_face(program: LinearProgram, cost: Floats, solution: Solution) -> LinearProgram:
    """The program with every column and row fixed that all optima of this cost share."""
    least = FIXING * (float(np.abs(cost).max(initial=0.0)) or 1.0)
    d, y = solution.reduced_costs, solution.duals
    lower, upper = program.lower.copy(), program.upper.copy()
    upper[d > least] = lower[d > least]
    lower[d < -least] = upper[d < -least]
    row_lower, row_upper = program.row_lower.copy(), program.row_upper.copy()
    at_lower = (y > least) & np.isfinite(row_lower)
    at_upper = (y < -least) & np.isfinite(row_upper)
    row_upper[at_lower] = row_lower[at_lower]
    row_lower[at_upper] = row_upper[at_upper]
    return replace(program, lower=lower, upper=upper, row_lower=row_lower, row_upper=row_upper)
