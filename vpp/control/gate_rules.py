"""What must hold for a write to leave, rule by rule; pure."""

import math
from collections.abc import Callable
from typing import NamedTuple

from vpp.control.power_bounds import Ability, beyond_energy, beyond_power
from vpp.domain.capability import Capability, Form
from vpp.domain.command import Command, WriteClass
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId
from vpp.domain.outcome import GateRefusal
from vpp.domain.setpoint import LONGEST_LIFE_S, SHORTEST_LIFE_S, Setpoint
from vpp.domain.snapshot import DeviceState

CLOSING, WRITER, AUTHORITY = "closing", "writer", "authority"
EXPIRY, AUDIT = "expiry", "audit"
IDENTIFIED, READ_BACK, UNDECIDED = "identified", "read_back", "undecided"
FORESEEN = frozenset({CLOSING, AUTHORITY, EXPIRY, AUDIT, IDENTIFIED, READ_BACK, UNDECIDED})
"""Rules that hold a write back as things are, and that an operator sees elsewhere; any other means
that a tick and the gate disagree."""
_ROUNDING_S, _ROUNDING_KW = 1e-3, 1e-6
_ASKS_NO_POWER, _TARGET = (Form.STOP, Form.RELEASE), Form.TARGET
_HEARTBEAT, _REFRESH = WriteClass.HEARTBEAT, WriteClass.REFRESH
_KEEP_ALIVE = (_REFRESH, _HEARTBEAT)


class Situation(NamedTuple):
    """Everything beside the command that the rules look at, at one moment.

    A tuple, because one turn may make one for every command.
    """

    state: DeviceState
    facts: DeviceFacts
    writes: frozenset[AssetId]
    """Assets that are written through this device; empty where its port cannot write."""
    ability: Ability | None
    """What the asset can do now; None where the device writes no such asset."""
    epoch: int
    lease_left_s: float
    """Wire seconds for which the right to write is certain."""
    now_s: float
    """City monotonic."""
    decided: bool
    """The device was decided in a tick that completed just now."""
    budget_left: bool = True
    """The device's writes per day are not used up."""
    closing: bool = False
    """The daemon is leaving, and this write is not part of that."""
    leaving: bool = False
    """The daemon is leaving, and this write is part of that."""


def refusal(command: Command, situation: Situation) -> GateRefusal | None:
    """The first rule that this write breaks, or None."""
    for rule, check in _RULES:
        detail = check(command, situation)
        if detail is not None:
            return GateRefusal(rule=rule, detail=detail)
    return None


def _closing(_: Command, situation: Situation) -> str | None:
    return "the daemon is stopping" if situation.closing else None


def _writer(command: Command, situation: Situation) -> str | None:
    if command.setpoint.asset in situation.writes:
        return None
    return f"{command.setpoint.asset} is not written through {command.device}"


def _authority(_: Command, situation: Situation) -> str | None:
    authority = situation.state.authority
    return None if authority.writable else f"authority is {authority}"


def _identified(_: Command, situation: Situation) -> str | None:
    if situation.state.identified:
        return None
    return situation.state.trouble or "not identified since the connection was made"


def _read_back(_: Command, situation: Situation) -> str | None:
    if situation.state.read_back:
        return None
    if situation.leaving and math.isfinite(situation.state.heard_s):
        return None  # what it held does not matter any more
    return "its setpoint was not read since the connection was made"


def _life(command: Command, _: Situation) -> str | None:
    least_s, most_s = SHORTEST_LIFE_S - _ROUNDING_S, LONGEST_LIFE_S + _ROUNDING_S
    if least_s <= command.valid_s <= most_s:
        return None
    return f"lives {command.valid_s:g} s, allowed are {SHORTEST_LIFE_S:g} to {LONGEST_LIFE_S:g} s"


def _expiry(command: Command, situation: Situation) -> str | None:
    over_s = situation.now_s - command.setpoint.expires_s
    return f"expired {over_s:.1f} s ago" if over_s >= 0 else None


def _capability(command: Command, situation: Situation) -> str | None:
    capability = situation.facts.capabilities.get(command.setpoint.asset)
    if capability is None:
        return f"nothing is known of what {command.setpoint.asset} accepts"
    if command.setpoint.form not in capability.forms:
        return f"{command.setpoint.asset} accepts no {command.setpoint.form}"
    return _power(command.setpoint, capability)


def _power(setpoint: Setpoint, capability: Capability) -> str | None:
    if setpoint.form in _ASKS_NO_POWER:
        return None
    if setpoint.form is _TARGET:
        if setpoint.lo_kw in capability.allowed:
            return None
        off_kw = abs(capability.allowed.nearest(setpoint.lo_kw) - setpoint.lo_kw)
        if off_kw <= max(capability.resolution_kw, _ROUNDING_KW):
            return None
    elif capability.allowed.within(setpoint.lo_kw, setpoint.hi_kw) is not None:
        return None
    return f"[{setpoint.lo_kw:g}, {setpoint.hi_kw:g}] kW is outside what it may do"


def _beyond_power(command: Command, situation: Situation) -> str | None:
    ability = _asked_of(command, situation)
    if ability is None:
        return None
    return beyond_power(command.setpoint, ability, _slack_kw(command, situation))


def _beyond_energy(command: Command, situation: Situation) -> str | None:
    ability = _asked_of(command, situation)
    if ability is None:
        return None
    return beyond_energy(
        command.setpoint,
        ability,
        command.setpoint.expires_s - situation.now_s,
        slack_kw=_slack_kw(command, situation),
        protects=command.write_class is WriteClass.PROTECTION,
    )


def _asked_of(command: Command, situation: Situation) -> Ability | None:
    """The ability that a power is asked of; a heartbeat only keeps what has been asked."""
    asks = command.setpoint.form not in _ASKS_NO_POWER
    return situation.ability if asks and command.write_class is not _HEARTBEAT else None


def _slack_kw(command: Command, situation: Situation) -> float:
    return max(situation.facts.capabilities[command.setpoint.asset].resolution_kw, _ROUNDING_KW)


def _epoch(command: Command, situation: Situation) -> str | None:
    if command.epoch == situation.epoch:
        return None
    return f"epoch {command.epoch} is not the running one, {situation.epoch}"


def _lease(_: Command, situation: Situation) -> str | None:
    if situation.lease_left_s > situation.facts.timeout_s:
        return None
    if situation.lease_left_s == -math.inf:
        return "the lock is gone, and another daemon may run: see to the state directory, restart"
    return f"the lease is certain for {situation.lease_left_s:.1f} s only"


def _stored(command: Command, situation: Situation) -> str | None:
    if command.write_class is _REFRESH and situation.facts.refresh_s is None:
        return "its register is stored and never refreshed"
    return None


def _undecided(command: Command, situation: Situation) -> str | None:
    if command.write_class in _KEEP_ALIVE and not situation.decided:
        return "not decided in a tick that completed just now"
    return None


def _budget(command: Command, situation: Situation) -> str | None:
    if situation.budget_left or command.write_class is WriteClass.PROTECTION:
        return None
    return f"its {situation.facts.writes_per_day} writes of the day are used up"


_RULES: tuple[tuple[str, Callable[[Command, Situation], str | None]], ...] = (
    (CLOSING, _closing),
    (WRITER, _writer),
    (AUTHORITY, _authority),
    (IDENTIFIED, _identified),
    (READ_BACK, _read_back),
    ("life", _life),
    (EXPIRY, _expiry),
    ("capability", _capability),
    ("power", _beyond_power),
    ("energy", _beyond_energy),
    ("epoch", _epoch),
    ("lease", _lease),
    ("stored", _stored),
    (UNDECIDED, _undecided),
    ("budget", _budget),
)
"""In the order in which they are told."""
