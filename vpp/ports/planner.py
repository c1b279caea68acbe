"""Planners and forecasters: untrusted and synchronous; a worker process makes them asynchronous."""

from typing import Protocol, runtime_checkable

from vpp.domain.forecast import Forecast, ForecastRequest
from vpp.domain.plan import Plan
from vpp.domain.problem import Problem


class Planner(Protocol):
    """Entry-point group ``vpp.planners``; a class without constructor arguments.

    May keep state between calls.
    """

    def plan(self, problem: Problem) -> Plan:
        """The plan of one pool.

        Raises:
            PlannerFailed: no usable plan; the message says why.
        """
        ...


class Forecaster(Protocol):
    """Entry-point group ``vpp.forecasters``; a class without constructor arguments."""

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        """One forecast per series, in their order, and then one per group.

        Missing input degrades to a poorer rung, named in ``source``.
        """
        ...


@runtime_checkable
class Learning(Protocol):
    """What a forecaster has beside, if what it learns is to outlive its process."""

    def take_up(self, kept: bytes | None) -> None:
        """Before the first forecast: go on from what was learnt, None from nothing.

        Raises:
            ValueError: what was kept is of no use.
        """
        ...

    def learnt(self) -> bytes | None:
        """Everything that is known, if that has changed since it was last asked for."""
        ...


class Planning(Protocol):
    """Planner and forecaster as the control loop meets them: asynchronous, bounded in time."""

    async def plan(self, problem: Problem) -> Plan:
        """The plan, within the problem's deadline.

        Raises:
            PlanningError: no plan; the message says why.
        """
        ...

    async def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        """One forecast per series and group.

        Raises:
            PlanningError: no forecast; the message says why.
        """
        ...
