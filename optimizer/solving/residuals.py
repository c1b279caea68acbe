"""Is a returned point what it is said to be? Residuals by one product with the matrix."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array

from optimizer.solving.program import LinearProgram, Solution
from vpp.domain.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """Largest breach of the conditions of optimality."""

    primal: float
    """Of any row or bound, kW or kWh."""
    dual: float
    """Of a dual's sign or of ``reduced cost = cost - matrix.T @ duals``, over the largest cost."""
    gap: float
    """Between the costs of the point and of the dual, over the larger of both (at least 1)."""

    @property
    def proven(self) -> bool:
        """Whether fixings may be read from it."""
        return self.primal <= 1e-6 and self.dual <= 1e-6 and self.gap <= 1e-6


def violation(program: LinearProgram, x: Floats) -> float:
    """Largest breach of any row or bound at a point."""
    activity = program.matrix @ x
    return max(
        0.0,
        float(np.max(program.lower - x, initial=0.0)),
        float(np.max(x - program.upper, initial=0.0)),
        float(np.max(program.row_lower - activity, initial=0.0)),
        float(np.max(activity - program.row_upper, initial=0.0)),
    )


def residuals(program: LinearProgram, cost: Floats, solution: Solution) -> Residuals:
    """Certify a solution that calls itself optimal."""
    scale = float(np.abs(cost).max(initial=0.0)) or 1.0
    y, d = solution.duals, solution.reduced_costs
    stationarity = np.abs(cost - _times(y, program.matrix) - d).max(initial=0.0)
    free_below = np.isneginf(program.row_lower) & (y > 0)
    free_above = np.isposinf(program.row_upper) & (y < 0)
    sign = np.abs(y[free_below | free_above]).max(initial=0.0)
    bound = np.where(d > 0, program.lower, program.upper)
    row_bound = np.where(y > 0, program.row_lower, program.row_upper)
    row_bound = np.where(np.isfinite(row_bound), row_bound, 0.0)
    # Summed, not multiplied: for a product of long vectors the library wakes all its threads.
    primal_cost = float((cost * solution.x).sum())
    dual_cost = float((y * row_bound).sum() + (d * bound).sum())
    return Residuals(
        primal=violation(program, solution.x),
        dual=float(max(stationarity, sign)) / scale,
        gap=abs(primal_cost - dual_cost) / max(scale, abs(primal_cost), abs(dual_cost)),
    )


def _times(y: Floats, matrix: csc_array) -> Floats:
    """``matrix.T @ y``, without a transposed matrix for every stage."""
    column = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
    return np.bincount(column, matrix.data * y[matrix.indices], matrix.shape[1]).astype(np.float64)
