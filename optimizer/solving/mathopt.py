"""OR-Tools' MathOpt core as the engine, fed with arrays.

Of the two routes from arrays into OR-Tools' HiGHS only this one returns duals and reduced costs
(ModelBuilderHelper returns the primal point alone), and the stages cannot do without them.
"""

import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from ortools.math_opt import (
    callback_pb2,
    model_parameters_pb2,
    model_pb2,
    parameters_pb2,
    result_pb2,
    sparse_containers_pb2,
)
from ortools.math_opt.core.python import solver as core
from pybind11_abseil.status import StatusNotOk  # type: ignore[import-untyped]  # part of OR-Tools

from optimizer.solving.program import LinearProgram, Solution, Status
from vpp.domain.arrays import Floats

Engine = Literal["HIGHS", "GLOP", "GSCIP"]

ENGINES = {
    "HIGHS": parameters_pb2.SOLVER_TYPE_HIGHS,
    "GLOP": parameters_pb2.SOLVER_TYPE_GLOP,
    "GSCIP": parameters_pb2.SOLVER_TYPE_GSCIP,
}
_SPARSE = sparse_containers_pb2.SparseVectorFilterProto(skip_zero_values=True)
_WITHOUT_ZEROS = model_parameters_pb2.ModelSolveParametersProto(
    variable_values_filter=_SPARSE, dual_values_filter=_SPARSE, reduced_costs_filter=_SPARSE
)
_EMPTY = np.zeros(0)
_REASONS = {
    result_pb2.TERMINATION_REASON_OPTIMAL: Status.OPTIMAL,
    result_pb2.TERMINATION_REASON_INFEASIBLE: Status.INFEASIBLE,
    # Every column is bounded, so that this can only be the first of the two.
    result_pb2.TERMINATION_REASON_INFEASIBLE_OR_UNBOUNDED: Status.INFEASIBLE,
    result_pb2.TERMINATION_REASON_NO_SOLUTION_FOUND: Status.TIME_LIMIT,
    result_pb2.TERMINATION_REASON_FEASIBLE: Status.TIME_LIMIT,
}


class MathOptSolver:
    """Dual simplex of HiGHS or GLOP, and SCIP for whole columns; deterministic, one thread."""

    def __init__(self, engine: Engine = "HIGHS") -> None:
        self._engine: Engine = engine

    def solve(self, program: LinearProgram, cost: Floats, time_limit_s: float) -> Solution:
        if crossed(program):
            return infeasible_bounds()
        cost, scale = scaled(cost)
        model = model_proto(program, cost)
        parameters = asked(self._engine, time_limit_s, whole=program.whole.size > 0)

        def solve(*given: Any) -> Any:
            initializer = parameters_pb2.SolverInitializerProto()
            engine = ENGINES[self._engine]
            return core.solve(model, engine, initializer, *given)  # type: ignore[no-untyped-call]  # OR-Tools' own

        return called(solve, program, scale, parameters)


def crossed(program: LinearProgram) -> bool:
    """Whether a lower bound is above its upper bound: engines refuse such a model."""
    columns, rows = program.lower > program.upper, program.row_lower > program.row_upper
    return bool(columns.any() or rows.any())


def infeasible_bounds() -> Solution:
    """What a program with crossed bounds gets."""
    return _without_point(Status.INFEASIBLE, 0.0, "a lower bound is above its upper bound")


def called(
    solve: Callable[..., Any],
    program: LinearProgram,
    scale: float,
    parameters: parameters_pb2.SolveParametersProto,
) -> Solution:
    """What a native call returned, its duals times the scale of the cost."""
    started = time.process_time()
    try:
        result = solve(
            parameters,
            _WITHOUT_ZEROS,
            None,
            callback_pb2.CallbackRegistrationProto(),
            None,
            None,
        )
    except (StatusNotOk, ValueError, AttributeError) as error:
        # A status that the wrapper cannot translate arrives as AttributeError.
        return _without_point(Status.FAILED, time.process_time() - started, repr(error))
    spent = time.process_time() - started
    status = _REASONS.get(result.termination.reason, Status.FAILED)
    usable = status is Status.OPTIMAL or (status is Status.TIME_LIMIT and program.whole.size > 0)
    if not usable or not result.solutions:
        return _without_point(status, spent, result.termination.detail)
    found = result.solutions[0]
    x = _dense(found.primal_solution.variable_values, len(program.lower))
    if program.whole.size:
        return Solution(
            status=status,
            x=x,
            duals=_EMPTY,
            reduced_costs=_EMPTY,
            cpu_s=spent,
            bound=scale * result.termination.objective_bounds.dual_bound,
        )
    return Solution(
        status=status,
        x=x,
        duals=scale * _dense(found.dual_solution.dual_values, len(program.row_lower)),
        reduced_costs=scale * _dense(found.dual_solution.reduced_costs, len(program.lower)),
        cpu_s=spent,
    )


def scaled(cost: Floats) -> tuple[Floats, float]:
    """The cost with a largest coefficient of 1, for the engine's tolerances, and its scale."""
    scale = float(np.abs(cost).max(initial=0.0)) or 1.0
    return cost / scale, scale


def model_proto(program: LinearProgram, cost: Floats) -> model_pb2.ModelProto:
    """The program in the engine's wire form, without an object per variable."""
    model = model_pb2.ModelProto()
    columns, rows = len(program.lower), len(program.row_lower)
    model.variables.ids.extend(range(columns))
    model.variables.lower_bounds.extend(program.lower.tolist())
    model.variables.upper_bounds.extend(program.upper.tolist())
    model.variables.integers.extend(np.isin(np.arange(columns), program.whole).tolist())
    model.linear_constraints.ids.extend(range(rows))
    model.linear_constraints.lower_bounds.extend(program.row_lower.tolist())
    model.linear_constraints.upper_bounds.extend(program.row_upper.tolist())
    used = np.flatnonzero(cost)
    model.objective.linear_coefficients.ids.extend(used.tolist())
    model.objective.linear_coefficients.values.extend(cost[used].tolist())
    by_row = program.matrix.tocsr()
    matrix = model.linear_constraint_matrix
    matrix.row_ids.extend(np.repeat(np.arange(rows), np.diff(by_row.indptr)).tolist())
    matrix.column_ids.extend(by_row.indices.tolist())
    matrix.coefficients.extend(by_row.data.tolist())
    return model


def asked(
    engine: Engine, time_limit_s: float, *, whole: bool = False
) -> parameters_pb2.SolveParametersProto:
    """Parameters of one solve."""
    parameters = parameters_pb2.SolveParametersProto()
    if whole:
        parameters.relative_gap_tolerance = parameters.absolute_gap_tolerance = 1e-9
        parameters.gscip.real_params["numerics/feastol"] = 1e-9
    else:
        # Refused together with whole columns.
        parameters.lp_algorithm = parameters_pb2.LP_ALGORITHM_DUAL_SIMPLEX
    parameters.time_limit.FromNanoseconds(max(1, int(time_limit_s * 1e9)))
    if engine == "GLOP":
        # Else it ends as imprecise, and without the point that it has.
        parameters.glop.change_status_to_imprecise = False
    return parameters


def _without_point(status: Status, spent_s: float, message: str) -> Solution:
    return Solution(
        status=status, x=_EMPTY, duals=_EMPTY, reduced_costs=_EMPTY, cpu_s=spent_s, message=message
    )


def _dense(vector: Any, length: int) -> Floats:
    values = np.zeros(length)
    values[np.fromiter(vector.ids, np.int64, len(vector.ids))] = np.fromiter(
        vector.values, np.float64, len(vector.values)
    )
    return values
