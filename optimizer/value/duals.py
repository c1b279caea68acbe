"""What the first stage of an order says that stored energy is worth."""

import numpy as np

from optimizer.stages.order import Run
from vpp.domain.arrays import Floats


def stored_worth(run: Run) -> Floats:
    """Worth of a kWh stored at each slot's end, shape (batteries, slots), in the stage's unit.

    It is the dual of the next slot's recursion: that of the slot itself would count what the kWh
    is still worth within it. After the last slot it is the value of what is left.
    """
    model, duals = run.model, run.first().solution.duals
    end = duals[model.program.rows["stored at the end"]]
    left = end * model.problem.batteries.eta_discharge
    following = -duals[model.batteries.soc[:, 1:]]
    return np.asarray(np.column_stack([following, left]) + 0.0)
