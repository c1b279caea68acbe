"""The right to write: an epoch, and how long it is certain."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """Held by the one daemon of a portfolio."""

    epoch: int
    until_s: Callable[[], float] = lambda: math.inf
    """Wire monotonic time up to which the lease is certain, now; minus infinity once it is lost."""
