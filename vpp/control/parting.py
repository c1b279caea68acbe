"""One asset on the daemon's way out: told its safe state, read back, and how it was left."""

import asyncio
import math
from dataclasses import dataclass
from enum import StrEnum

from vpp.control.dispatch import Dispatch
from vpp.control.evidence import Evidence
from vpp.control.gate_rules import IDENTIFIED, READ_BACK
from vpp.control.inputs import Decision
from vpp.control.outcomes import is_held
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Outcome
from vpp.domain.setpoint import Setpoint

_TAKEN = (Outcome.SENT, Outcome.ACCEPTED)
_NOT_HEARD = (IDENTIFIED, READ_BACK)
"""Rules of the gate that end once the device has been heard."""


class Ending(StrEnum):
    """How an asset was left."""

    READ_BACK = "read_back"
    """It was seen holding its safe state."""
    SENT = "sent"
    """It took the write; it was not read back in time."""
    UNKNOWN = "unknown"
    """It did not answer in time; its own watchdog ends what it holds."""
    NOT_WRITTEN = "not_written"
    """A rule of the gate forbade it: not ours to write, or not reachable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One asset as the daemon left it."""

    asset: AssetId
    device: DeviceId
    setpoint: Setpoint
    ending: Ending
    at_s: float
    """City monotonic time of the answer."""
    detail: str = ""


class Parting:
    """Written once it may be, and again only where a newer reading shows that it did not arrive."""

    def __init__(self, decision: Decision) -> None:
        self._decision = decision
        self._carrying: asyncio.Task[Dispatch] | None = None
        self._told: Dispatch | None = None
        self._held_back: Dispatch | None = None
        """The gate would not let it out, as long as the device has not been heard."""
        self._known_s = -math.inf
        """Time of the reading that was the newest when the answer came."""
        self.seen = False
        """It was read back holding its safe state."""

    @property
    def asset(self) -> AssetId:
        return self._decision.asset

    @property
    def device(self) -> DeviceId:
        return self._decision.device

    @property
    def under_way(self) -> asyncio.Task[Dispatch] | None:
        return self._carrying

    @property
    def waits(self) -> bool:
        """It is not told yet, or has to be told again."""
        return self._carrying is None and self._told is None

    @property
    def over(self) -> bool:
        """Nothing more can become of it."""
        return self.seen or (self._told is not None and not self._told.left)

    def tell(self, decision: Decision, carrying: asyncio.Task[Dispatch]) -> None:
        """It is under way to the device."""
        self._decision, self._carrying, self._held_back = decision, carrying, None

    def answered(self, look: Evidence) -> bool:
        """Whether an answer has come just now that a reading can confirm."""
        if self._carrying is None or not self._carrying.done():
            return False
        told, self._carrying = self._carrying.result(), None
        if told.rule in _NOT_HEARD:
            self._held_back = told
            return False
        self._told, self._known_s = told, look.setpoint_s
        return told.left

    def look(self, look: Evidence, tolerance_kw: float, heard_s: float) -> None:
        """Take in what it holds now.

        A reading counts that is dated after the answer, or came after it, if by a late clock.

        Args:
            look: What is known of the asset.
            tolerance_kw: How exactly it shows its setpoint.
            heard_s: Since when its present connection and life is heard, city monotonic; inf where
                it is not.
        """
        told, read_kw = self._told, look.setpoint_kw
        if told is None or self.over or read_kw is None:
            return
        if look.setpoint_s <= min(told.at_s, self._known_s):
            return
        held = is_held(told.command.setpoint, read_kw, tolerance_kw)
        if told.outcome in _TAKEN and heard_s <= told.at_s:
            self.seen = held
        elif held and not math.isnan(read_kw):
            self.seen = True
        elif told.at_s < look.setpoint_s and math.isfinite(heard_s):
            self._told = None  # it did not arrive, or the device has started anew since

    def left(self) -> Left:
        told = self._told or self._held_back
        return Left(
            asset=self.asset,
            device=self.device,
            setpoint=self._decision.setpoint,
            ending=Ending.READ_BACK if self.seen else _ending(told),
            at_s=math.inf if told is None else told.at_s,
            detail="no answer in time" if told is None else told.detail,
        )


def _ending(told: Dispatch | None) -> Ending:
    if told is None or told.outcome is Outcome.UNKNOWN:
        return Ending.UNKNOWN
    return Ending.SENT if told.outcome in _TAKEN else Ending.NOT_WRITTEN
