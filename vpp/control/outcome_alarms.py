"""What the operator hears about commands: raised and cleared by what becomes known of them."""

from dataclasses import dataclass

from vpp.control.authority import AuthorityBook
from vpp.control.dispatch import DAEMON
from vpp.control.inputs import Alarm
from vpp.control.trials import Trouble
from vpp.domain.capability import Form
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Outcome

AUDIT_BLOCKED = "AUDIT_BLOCKED"
NOT_OBEYING = "NOT_OBEYING"
_OF_OUTCOME = {
    Outcome.NOT_OBEYING: (NOT_OBEYING, "does not do what it was told"),
    Outcome.UNKNOWN: ("UNKNOWN_OUTCOME", "nobody knows whether it took the command"),
    Outcome.REFUSED: ("REFUSING", "refused the command"),
}
_OF_TROUBLE = {
    Trouble.FOREIGN_WRITER: ("FOREIGN_WRITER", "somebody else writes to it: it is only observed"),
    Trouble.SETPOINT_LOST: ("SETPOINT_LOST", "lost its setpoint: it fell back by its own timer"),
    Trouble.REBOOTED: (
        "REBOOTED",
        "lost its setpoint before its time: it restarted or was reset, and is told again",
    ),
    Trouble.NOT_APPLIED: (NOT_OBEYING, "did not take over what it was sent"),
    Trouble.SIGN_SUSPECT: (
        "SIGN_SUSPECT",
        "reports the opposite of what it was told: it is only observed; check its sign",
    ),
    Trouble.FROZEN: ("FROZEN", "was told another power, and not one of its readings has changed"),
}
_ENDS_CONTROL = {
    Trouble.FOREIGN_WRITER: "holds a setpoint that is not ours",
    Trouble.SIGN_SUSPECT: "reports the opposite of what it was told",
}
"""The device is only observed from then on, until somebody gives its authority back."""
_UNTIL_OBEYED = (NOT_OBEYING, "FROZEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Until:
    """An alarm about a command, which ends with the command's life at the latest."""

    alarm: Alarm
    until_s: float


class OutcomeAlarms:
    """At most one alarm per asset about what it does, one about its timer, one about the gate."""

    def __init__(self, authority: AuthorityBook) -> None:
        self._authority = authority
        self._standing: dict[AssetId, tuple[Alarm, DeviceId]] = {}
        self._ended: dict[AssetId, DeviceId] = {}
        self._ending: dict[AssetId, Trouble] = {}
        """Those that are brought to their safe state first."""
        self._timers: dict[AssetId, Alarm] = {}
        self._held_back: dict[AssetId, _Until] = {}
        self._audit_blocked: Alarm | None = None

    def all(self) -> tuple[Alarm, ...]:
        """All that hold now."""
        blocked = () if self._audit_blocked is None else (self._audit_blocked,)
        standing = (alarm for alarm, _ in self._standing.values())
        held_back = (held.alarm for held in self._held_back.values())
        return (*blocked, *standing, *self._timers.values(), *held_back)

    def became(
        self, asset: AssetId, device: DeviceId, outcome: Outcome, detail: str, *, obeys: bool
    ) -> None:
        """A command came so far. ``obeys``: following it takes more than doing nothing."""
        if asset in self._ended:
            return
        if outcome in _OF_OUTCOME:
            code, text = _OF_OUTCOME[outcome]
            self._raise(asset, device, code, f"{text}: {detail}" if detail else text)
        elif outcome in (Outcome.FOLLOWED, Outcome.LIMITED) and obeys:
            self._standing.pop(asset, None)
        elif outcome in (Outcome.ACCEPTED, Outcome.FOLLOWED, Outcome.LIMITED):
            self._clear_unless_disobeyed(asset)

    def in_trouble(self, asset: AssetId, device: DeviceId, trouble: Trouble) -> None:
        """The alarm of the trouble; some end the control of the device.

        A foreign writer is not fought; any other is told its safe state before.
        """
        code, text = _OF_TROUBLE[trouble]
        self._raise(asset, device, code, f"{device} {text}")
        if trouble in _ENDS_CONTROL:
            self._ended[asset], self._ending[asset] = device, trouble
        if trouble is Trouble.FOREIGN_WRITER:
            self._observe_only(asset)

    def timer(self, asset: AssetId, *, off: bool) -> None:
        """Whether the device's own timer is another than it was armed to."""
        if not off:
            self._timers.pop(asset, None)
        elif asset not in self._timers:
            text = "its own timer does not end with its setpoint: check how it is armed"
            self._timers[asset] = _alarm(asset, "TIMER_MISMATCH", text)

    def held_back(self, asset: AssetId, why: str, until_s: float) -> None:
        """Our own gate let a command not out, although a tick wanted it."""
        self._held_back[asset] = _Until(alarm=_alarm(asset, "HELD_BACK", why), until_s=until_s)

    def audit_blocked(self, why: str) -> None:
        """Commands do not leave, because their record cannot be written."""
        self._audit_blocked = Alarm(code=AUDIT_BLOCKED, subject="audit", text=why)

    def left(self, asset: AssetId, *, discretionary: bool) -> None:
        """A command of the asset has left; a ``discretionary`` one only if the record works."""
        if discretionary:
            self._audit_blocked = None
        self._held_back.pop(asset, None)
        self._observe_only(asset)

    def over(self, asset: AssetId, form: Form) -> None:
        """The asset's command has run out; after all but a stop nothing is asked of it any more.

        A stop is what who does not obey is told meanwhile.
        """
        self._timers.pop(asset, None)
        self._observe_only(asset)
        if asset not in self._ended:
            self._clear_unless_disobeyed(asset)
        if form is not Form.STOP:
            self.freed(asset)

    def freed(self, asset: AssetId) -> None:
        """Nothing is asked of it any more: there is nothing that it does not obey."""
        found = self._standing.get(asset)
        if found is not None and found[0].code == NOT_OBEYING:
            del self._standing[asset]

    def pass_to(self, now_s: float) -> None:
        """Let go what time or an operator has ended."""
        for asset, held in list(self._held_back.items()):
            if now_s >= held.until_s:
                del self._held_back[asset]
        for asset, device in list(self._ended.items()):
            if asset not in self._ending and self._authority.of(device).writable:
                del self._ended[asset]
                self._standing.pop(asset, None)
        for asset, (_, device) in list(self._standing.items()):
            if asset not in self._ended and not self._authority.of(device).writable:
                del self._standing[asset]

    def _observe_only(self, asset: AssetId) -> None:
        trouble = self._ending.pop(asset, None)
        if trouble is not None:
            why = f"{asset} {_ENDS_CONTROL[trouble]}"
            self._authority.set(self._ended[asset], Authority.OBSERVE, who=DAEMON, why=why)

    def _raise(self, asset: AssetId, device: DeviceId, code: str, text: str) -> None:
        self._standing[asset] = _alarm(asset, code, text), device

    def _clear_unless_disobeyed(self, asset: AssetId) -> None:
        found = self._standing.get(asset)
        if found is not None and found[0].code not in _UNTIL_OBEYED:
            del self._standing[asset]


def _alarm(asset: AssetId, code: str, text: str) -> Alarm:
    return Alarm(code=code, subject=f"asset:{asset}", text=text)
