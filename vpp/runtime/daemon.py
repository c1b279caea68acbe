"""A portfolio under control: what it tells of itself, and what may be asked of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from vpp.config.city import City
from vpp.control.control_room import ControlRoom
from vpp.control.inputs import Alarm, Timing
from vpp.control.loop import TickView
from vpp.control.outcome_alarms import AUDIT_BLOCKED
from vpp.control.parting import Left
from vpp.control.replanning import Replanner
from vpp.control.state import ControlState
from vpp.domain.errors import InvariantError, VppError
from vpp.domain.ids import TariffId
from vpp.domain.tariff import Tariff
from vpp.ports.clock import Clocks
from vpp.ports.store import LiveState
from vpp.runtime.clocks import CityClock, Governor, speed_of
from vpp.runtime.day_metrics import days
from vpp.runtime.lease import Lease
from vpp.runtime.metrics import DaemonMetrics, FleetMetrics, standing
from vpp.runtime.mirror import Mirror
from vpp.runtime.score import Score
from vpp.runtime.scorekeeper import Scorekeeper
from vpp.runtime.view import View

_log = structlog.get_logger(__name__)
STALLED_AFTER_S = 10.0
"""A daemon that has completed no tick for so long, on the wire, is not healthy."""


class Daemon:
    """A portfolio under control. Made by ``running``; lives until that context is left."""

    def __init__(
        self,
        city: City,
        room: ControlRoom[ControlState],
        replanner: Replanner,
        keeper: Scorekeeper,
        store: LiveState,
        lease: Lease,
    ) -> None:
        self.portfolio, self._lease = city.portfolio, lease
        self._room, self._replanner, self.keeper = room, replanner, keeper
        self._clocks = clocks = room.pace.clocks
        self._score = Score(city.portfolio, room.table.layout)
        self._mirror = Mirror(store, lambda: self.view.fields() if self.view else {})
        self._metrics = DaemonMetrics(room.gate.ledger.written, room.outcomes.ended)
        self._fleet = FleetMetrics(city.portfolio, room.table.layout)
        self._listeners: list[Callable[[View], None]] = []
        self._speed_listeners: list[Callable[[float, float], None]] = []
        self._governor = _governor(clocks, room.pace.timing)
        self._ticked_s = clocks.wire.monotonic()
        self.view: View | None = None
        """Of the newest tick."""
        self.left: Sequence[Left] = ()
        """How devices were left, after the end."""
        self.over = asyncio.Event()
        """Set when it must be left: its right to control is in doubt."""
        room.loop.on_tick(self._observe)
        room.board.hear(keeper.alarms)

    def on_view(self, listener: Callable[[View], None]) -> None:
        """Call ``listener`` with every new view; it must be quick."""
        self._listeners.append(listener)

    def on_speed(self, listener: Callable[[float, float], None]) -> None:
        """Call ``listener`` with every new speed and its beginning, wire monotonic."""
        self._speed_listeners.append(listener)

    def ills(self) -> Sequence[str]:
        silent_s = self._clocks.wire.monotonic() - self._ticked_s
        if silent_s > STALLED_AFTER_S:
            return [f"no tick completed for {silent_s:.0f} s"]
        return []

    @property
    def fault(self) -> VppError | None:
        """Why it is over."""
        return self._lease.fault

    def lacks(self) -> Sequence[str]:
        if self.fault is not None or not self._lease.stands():
            return [str(self.fault or "its lock file cannot be seen: nothing is written")]
        if self.view is None:
            return ["no tick has completed yet"]
        states, alarms = self.view.snapshot.devices, self.view.alarms
        return [
            *(f"no command leaves: {one.text}" for one in alarms if one.code == AUDIT_BLOCKED),
            *(f"device {name} is not heard" for name, one in states.items() if not one.online),
        ]

    @property
    def planned(self) -> bool:
        """Whether every pool has a plan."""
        return self._replanner.plans.keys() >= self.portfolio.pools.keys()

    def metrics(self) -> bytes:
        self._metrics.speed.set(speed_of(self._clocks.city))
        self._metrics.plan_rounds.set(self._replanner.rounds)
        self._metrics.store_failures.set(self._mirror.failures)
        if self.view is None:
            return self._metrics.text()
        view = self.view
        rungs = {pool: view.rung(pool) for pool in self.portfolio.pools}
        fleet = self._fleet.text(view.snapshot, view.reached, view.shadows)
        scores = days(view.scores, self.portfolio.time_zone)
        return self._metrics.text() + standing(rungs, view.alarms) + fleet + scores

    def _observe(self, seen: TickView[ControlState]) -> None:
        self._ticked_s = self._clocks.wire.monotonic()
        self._look_at_lease()
        self._govern(max(seen.late_s, self._room.sensing.slow_s * speed_of(self._clocks.city)))
        self._replanner.observe(
            seen.snapshot, seen.held, proposals=seen.proposals, means=self._room.means
        )
        self._score.observe(seen.snapshot)
        self._metrics.tick_seconds.observe(seen.took_s)
        self._metrics.tick_lateness.observe(seen.late_s / self._room.pace.timing.tick_s)
        self._metrics.alarms.set(len(seen.alarms))
        self.view = View(
            portfolio=self.portfolio,
            snapshot=seen.snapshot,
            results=seen.results,
            plans=self._replanner.plans,
            alarms=seen.alarms,
            reached=self._score.reached,
            writes=self._room.gate.ledger.written.total(),
            speed=speed_of(self._clocks.city),
            asked_speed=self._governor.asked if self._governor is not None else 1.0,
            plan_rounds=self._replanner.rounds,
            shadows=self._room.shadows.setpoints,
            scores=self.keeper.newest,
        )
        self._mirror.touch()
        for listener in self._listeners:
            listener(self.view)

    async def mirror(self) -> None:
        """Show the newest view to other processes, until cancelled."""
        await self._mirror.run()

    def _look_at_lease(self) -> None:
        self._lease.stands()
        if self.fault is None or self.over.is_set():
            return
        self.over.set()
        _log.error("the right to control is lost", why=str(self.fault))

    def reprice(self, tariffs: Mapping[TariffId, Tariff], wrong: Sequence[Alarm]) -> None:
        """Plan and judge by these prices from now on; ``wrong``: what could not be read of them."""
        self._replanner.reprice(tariffs, wrong)
        self.keeper.reprice(tariffs)

    def go_at(self, speed: float) -> None:
        """Let the city run at this speed from now on, and tell who must know.

        Raises:
            InvariantError: the city's time is not ours to change.
        """
        if self._governor is None:
            raise InvariantError("the city's clock has a speed of its own")
        self._governor.go_at(speed)
        self._tell_speed(self._governor.city)

    def _govern(self, late_s: float) -> None:
        governor = self._governor
        if governor is None:
            return
        before = governor.city.speed
        if governor.observe(late_s):
            now, asked = governor.city.speed, governor.asked
            if now < before:
                _log.warning("slower", speed=now, asked=asked, why="ticks or readings were late")
            else:
                _log.info("faster", speed=now, asked=asked, why="they are punctual again")
            self._tell_speed(governor.city)

    def _tell_speed(self, city: CityClock) -> None:
        self._room.sensing.hurry()
        for listener in self._speed_listeners:
            listener(city.speed, city.changed_s)


def _governor(clocks: Clocks, timing: Timing) -> Governor | None:
    city = clocks.city
    return Governor(city, tick_s=timing.tick_s) if isinstance(city, CityClock) else None
