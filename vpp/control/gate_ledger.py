"""What the write gate remembers: what is alive, what was spent, what was told once."""

from collections import Counter
from collections.abc import Mapping
from datetime import date

from vpp.control.dispatch import Dispatch, record_of
from vpp.domain.audit import Event
from vpp.domain.command import Command, WriteClass
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import GateRefusal
from vpp.domain.setpoint import Setpoint
from vpp.ports.clock import Clock
from vpp.ports.store import Audit


class GateLedger:
    """Puts refusals on record once, however often they repeat."""

    def __init__(self, audit: Audit, city: Clock) -> None:
        self._audit, self._city = audit, city
        self._live: dict[AssetId, Command] = {}
        self._refused: dict[AssetId, str] = {}
        self._spent: Counter[DeviceId] = Counter()
        self._spent_on: date | None = None
        self.refusals: Counter[str] = Counter()
        """By rule."""
        self.written: Counter[WriteClass] = Counter()
        """Writes that left, by class."""

    def covering(self, setpoint: Setpoint) -> Command | None:
        """The command alive at the asset that told it the same: its record covers a refresh."""
        live = self.alive(setpoint.asset)
        return live if live is not None and setpoint.same_as(live.setpoint) else None

    def alive(self, asset: AssetId) -> Command | None:
        """The command that the asset holds, or may hold, and that has not expired."""
        live = self._live.get(asset)
        if live is None or live.setpoint.expires_s <= self._city.monotonic():
            return None
        return live

    def budget_left(self, device: DeviceId, facts: DeviceFacts) -> bool:
        if facts.writes_per_day is None:
            return True
        return self._today()[device] < facts.writes_per_day

    def left(self, dispatch: Dispatch) -> None:
        """It is with the device, or may be."""
        command = dispatch.command
        self._live[command.setpoint.asset] = command
        self._today()[command.device] += 1
        self.written[command.write_class] += 1
        self._refused.pop(command.setpoint.asset, None)

    def refused(self, command: Command, refusal: GateRefusal) -> None:
        """It did not leave."""
        self.refusals[refusal.rule] += 1
        asset = command.setpoint.asset
        if self._refused.get(asset) != refusal.rule:
            self._refused[asset] = refusal.rule
            why = f"{refusal.rule}: {refusal.detail}"
            self._audit.note(record_of(command, Event.GATE_REFUSED, outcome="refused", why=why))

    def forget(self, asset: AssetId) -> None:
        """The device no longer holds our setpoint: a refresh is a command again."""
        self._live.pop(asset, None)

    @property
    def spent(self) -> Mapping[DeviceId, int]:
        """Writes of the running day, UTC; a copy."""
        return dict(self._today())

    def resume(self, day: date, spent: Mapping[DeviceId, int]) -> None:
        """Go on with what was spent before a restart, if it is still that day."""
        if day == self._city.now().date():
            self._today().update(spent)

    def _today(self) -> Counter[DeviceId]:
        """Writes of the running day, UTC, by device; yesterday's are of no more use."""
        today = self._city.now().date()
        if today != self._spent_on:
            self._spent.clear()
            self._spent_on = today
        return self._spent
