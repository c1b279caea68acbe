"""A PV plant: what the sun offers, and what a limit leaves of it."""

from collections import deque
from math import isfinite

from simulators.city import Pv
from simulators.physics.ramp import approach, mean_on_the_way
from simulators.physics.watchdog import Armed


class PvUnit:
    """One PV plant at AC; ``power_w`` is never positive (it produces), limits are magnitudes.

    A limit is accepted at once and acts after the dead time, with the ramp; it lapses to full
    production, or to none where the plant's safe state is ``zero``.
    """

    def __init__(self, plant: Pv) -> None:
        self.plant = plant
        self.now_s = 0.0
        self.power_w = 0.0
        self.available_w = 0.0
        self.available_wh = 0.0
        self.produced_wh = 0.0
        self.default_limit_w = 0.0 if plant.safe == "zero" else None
        self._afterwards = self.default_limit_w
        self._accepted: Armed[float | None] = Armed(None)
        self._acting: float | None = None
        self._ceiling_w = plant.clip_w
        self._queue: deque[tuple[float, float | None]] = deque()

    @property
    def net_wh(self) -> float:
        """Energy taken so far: never positive."""
        return -self.produced_wh

    @property
    def limit_w(self) -> float | None:
        """The accepted limit, None where it produces what the sun offers."""
        return self._accepted.value

    @property
    def reversion_left_s(self) -> float | None:
        """Seconds until the limit lapses; None when no timer runs."""
        return self._accepted.left_s(self.now_s)

    def limit(self, magnitude_w: float, valid_s: float | None, then_w: float | None = None) -> None:
        """Produce no more than this for ``valid_s`` seconds; afterwards ``then_w`` or default."""
        if not (isfinite(magnitude_w) and magnitude_w >= 0):
            raise ValueError(f"{self.plant.id}: a limit must be 0 or more, got {magnitude_w}")
        self._afterwards = self.default_limit_w if then_w is None else then_w
        self._accept(Armed.at(magnitude_w, self.now_s, valid_s))

    def release(self) -> None:
        """Produce what the sun offers."""
        self._accept(Armed(None))

    def _accept(self, limit: Armed[float | None]) -> None:
        self._accepted = limit
        self._queue.append((self.now_s + self.plant.dead_time_s, limit.value))

    @property
    def ceiling_w(self) -> float:
        """What limit and rating let through now, as a magnitude."""
        return self._ceiling_w

    def advance(
        self, now_s: float, available_w: float, available_wh: float, cap_w: float | None = None
    ) -> None:
        """Moves to ``now_s``.

        Args:
            now_s: City seconds.
            available_w: What the sun offers at the end of the step.
            available_wh: What the sun offers over the step.
            cap_w: What shared electronics let through over the step.
        """
        step_s = now_s - self.now_s
        self.available_w = available_w
        self.available_wh += available_wh
        while self.now_s < now_s:
            until_s = min(now_s, self._next_event_s())
            part_s = until_s - self.now_s
            ceiling = self._move_ceiling(part_s)
            if cap_w is not None:
                ceiling = min(ceiling, cap_w)
            self.produced_wh += min(available_wh * part_s / step_s, ceiling * part_s / 3600)
            self.now_s = until_s
            self._let_events_act()
        let_through = self._ceiling_w if cap_w is None else min(self._ceiling_w, cap_w)
        self.power_w = -min(available_w, let_through)

    def _next_event_s(self) -> float:
        event_s = self._accepted.expires_s
        if self._queue:
            event_s = min(event_s, self._queue[0][0])
        return max(event_s, self.now_s)

    def _let_events_act(self) -> None:
        while self._queue and self._queue[0][0] <= self.now_s:
            self._act(self._queue.popleft()[1])
        if self._accepted.expires_s <= self.now_s:
            self._queue.clear()
            self._accepted = Armed(self._afterwards)
            self._act(self._afterwards)

    def _act(self, limit_w: float | None) -> None:
        """A limit starts from the present production, not from the rating."""
        self._acting = limit_w
        if limit_w is not None:
            self._ceiling_w = min(self._ceiling_w, max(-self.power_w, limit_w))

    def _move_ceiling(self, step_s: float) -> float:
        """Moves the ceiling along its ramp; returns its mean over the step."""
        target = self.plant.clip_w if self._acting is None else min(self._acting, self.plant.clip_w)
        ramp = self.plant.ramp_w_per_s
        mean = mean_on_the_way(self._ceiling_w, target, ramp, step_s)
        self._ceiling_w = approach(self._ceiling_w, target, ramp, step_s)
        return mean
