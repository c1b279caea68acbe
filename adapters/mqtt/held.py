"""The setpoint a device holds, as far as its acknowledgements tell."""

import math
from dataclasses import dataclass

from vpp.domain.quality import Quality

NONE_HELD = (math.nan, Quality.GOOD)
NOT_KNOWN = (math.nan, Quality.MISSING)


@dataclass(slots=True)
class Held:
    """For devices whose telemetry does not tell their setpoint.

    What was acknowledged holds until it expires; then, after a restart of the device, and before
    the first acknowledgement, it holds none: its life is bounded and the convention has no other
    way for a setpoint to come about. After a command without answer it is not known.
    """

    _power_kw: float = math.nan
    _until_s: float = -math.inf
    _unknown_until_s: float = -math.inf

    def acknowledged(self, power_kw: float, until_s: float) -> None:
        """Holds this power (NaN: released) until then, city monotonic."""
        self._power_kw, self._until_s = power_kw, until_s
        self._unknown_until_s = -math.inf

    def in_doubt(self, until_s: float) -> None:
        """A command went and nothing came: it may hold, or what was held before."""
        self._unknown_until_s = max(until_s, self._until_s, self._unknown_until_s)

    def restarted(self) -> None:
        """The device began a new life, in its safe state."""
        self.acknowledged(math.nan, -math.inf)

    def read(self, now_s: float) -> tuple[float, Quality]:
        """House sign; NaN with GOOD while it holds none."""
        if now_s < self._unknown_until_s:
            return NOT_KNOWN
        return (self._power_kw, Quality.GOOD) if now_s < self._until_s else NONE_HELD

    def left_s(self, now_s: float) -> tuple[float, Quality]:
        """Time until it falls back by itself."""
        known = now_s >= self._unknown_until_s and not math.isnan(self._power_kw)
        if not known or now_s >= self._until_s:
            return NOT_KNOWN
        return self._until_s - now_s, Quality.GOOD
