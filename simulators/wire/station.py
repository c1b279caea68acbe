"""A charging station on MQTT, after convention `vpp/1` (kW, kWh, positive is into the car)."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from simulators.city import Device
from simulators.clock import CityClock
from simulators.faults import Fault
from simulators.physics.charger import ChargerUnit, Session
from simulators.write_log import WriteLog

FAULTS = frozenset(
    {"silent", "ack_and_ignore", "frozen", "sentinel", "sign_flip", "reboot", "drop", "alarm"}
)
REMEMBERED = 256  # sendings
Sending = tuple[str, str, str]
"""Id, epoch and sequence number: the same again is a duplicate, a later number a refresh."""
FORMS = frozenset({"target", "ceiling", "window", "release", "stop"})


class Rejected(Exception):
    """A command that the station does not take; `state` is what it acknowledges."""

    def __init__(self, reason: str, state: str = "rejected") -> None:
        super().__init__(reason)
        self.state = state


class Station:
    """What the station knows and says, apart from the connection that carries it.

    It keeps the highest epoch it has seen, also over a reboot. A command that comes twice is done
    once and answered twice; one with its id and a later number is a refresh, and prolongs it.
    """

    def __init__(
        self,
        device: Device,
        connectors: Mapping[str, ChargerUnit],
        clock: CityClock,
        writes: WriteLog,
    ) -> None:
        self.device = device
        self.connectors = connectors
        self.clock = clock
        self.boot = 1
        self.faults: tuple[Fault, ...] = ()
        self.topic = f"vpp/1/{device.options.get('site', 'site')}/{device.id}"
        self.on_cut: Callable[[], None] = _nothing
        self._writes = writes
        self._telemetry_seq = 0
        self._epoch = 0
        self._seq = -1
        self._answered: dict[Sending, dict[str, Any]] = {}
        self._frozen: dict[str, Any] | None = None

    # What it says

    def meta(self) -> dict[str, Any]:
        identity = self.device.identity
        return {
            "maker": str(identity.get("maker", "Simulated")),
            "model": str(identity.get("model", "Charging station")),
            "serial": str(identity.get("serial", self.device.id)),
            "fw": str(identity.get("firmware", "1.0.0")),
            "schema": 1,
            "assets": {asset: _meta_of(unit) for asset, unit in self.connectors.items()},
        }

    def status(self) -> dict[str, Any]:
        return {"online": True, "ts": self._now(), "boot": self.boot}

    def will(self) -> dict[str, Any]:
        return {"online": False, "boot": self.boot}

    def telemetry(self) -> dict[str, Any]:
        self._telemetry_seq += 1
        assets = self._frozen or self._measured()
        missing = {fault.point for fault in self.faults if fault.kind == "sentinel"}
        sign = -1 if self.suffering("sign_flip") else 1
        shown = {
            asset: {
                name: sign * value if name == "power_kw" else value
                for name, value in points.items()
                if name not in missing
            }
            | {"quality": {}}
            for asset, points in assets.items()
        }
        return {"ts": self._now(), "seq": self._telemetry_seq, "assets": shown}

    def sessions(self) -> dict[str, Any]:
        """Per connector who is plugged in, and where each statement comes from."""
        return {
            asset: _session_of(unit.session) if unit.session else {"plugged": False}
            for asset, unit in self.connectors.items()
        }

    def cars(self) -> tuple[str, ...]:
        """The session at each connector, empty where no car is."""
        return tuple(unit.session.id if unit.session else "" for unit in self.connectors.values())

    def session_message(self) -> dict[str, Any]:
        return {"ts": self._now(), "assets": self.sessions()}

    def alarms(self) -> dict[str, dict[str, Any]]:
        """What stands, by id; the latest word on each."""
        return {
            fault.alarm: {"id": fault.alarm, "severity": fault.severity, "text": fault.text}
            for fault in self.faults
            if fault.kind == "alarm"
        }

    def _measured(self) -> dict[str, Any]:
        return {
            asset: {"power_kw": unit.power_w / 1000, "energy_in_kwh": unit.energy_wh / 1000}
            for asset, unit in self.connectors.items()
        }

    def _now(self) -> str:
        return _text(self.clock.now)

    # What it is told

    def obey(self, payload: bytes, *, retained: bool) -> dict[str, Any] | None:
        """The acknowledgement of a command; None where there is nobody to answer."""
        topic = f"{self.topic}/cmd"
        try:
            command = json.loads(payload)
            command_id = str(command["id"])
        except (ValueError, TypeError, KeyError, RecursionError):
            self._writes.record(
                self.device.id, topic, payload.decode(errors="replace"), accepted=False,
                reason="not a command",
            )  # fmt: skip
            return None
        sending = (command_id, str(command.get("epoch")), str(command.get("seq")))
        if sending in self._answered:
            return self._answered[sending]
        answer: dict[str, Any]
        try:
            power_kw = self._take(command, retained)
        except Rejected as rejected:
            answer = {"id": command_id, "state": rejected.state, "reason": str(rejected)}
        else:
            answer = {"id": command_id, "state": "applied", "power_kw": power_kw, "reason": ""}
        if isinstance(command.get("seq"), int):
            answer["seq"] = command["seq"]
        self._remember(sending, answer)
        self._writes.record(
            self.device.id, topic, command, accepted=answer["state"] == "applied",
            reason=answer["reason"],
        )  # fmt: skip
        return answer

    def _remember(self, sending: Sending, answer: dict[str, Any]) -> None:
        self._answered[sending] = answer
        if len(self._answered) > REMEMBERED:
            del self._answered[next(iter(self._answered))]

    def _take(self, command: Mapping[str, Any], retained: bool) -> float:
        """Checks and carries out; returns what is offered now, in kW."""
        if retained:
            raise Rejected("retained")
        valid_s = _number(command, "valid_s")
        if valid_s <= 0:
            raise Rejected("valid_s must be positive")
        self._check_age(command, valid_s)
        self._check_order(command)
        unit = self.connectors.get(str(command.get("asset")))
        if unit is None:
            raise Rejected(f"no asset {command.get('asset')!r} here")
        limit_w = _limit_w(command)
        offered_w = unit.safe_offer_w if limit_w is None else _allowed_w(unit, limit_w)
        if not self.suffering("ack_and_ignore"):
            if limit_w is None:
                unit.release()
            else:
                unit.offer(offered_w, valid_s)
        return offered_w / 1000

    def _check_age(self, command: Mapping[str, Any], valid_s: float) -> None:
        try:
            issued = datetime.fromisoformat(str(command.get("ts")))
            age_s = (self.clock.now - issued).total_seconds()
        except (ValueError, TypeError) as error:
            raise Rejected("ts must be a time with its offset") from error
        if age_s > valid_s:
            raise Rejected(f"issued {age_s:.0f} s ago, valid for {valid_s:g} s", "expired")

    def _check_order(self, command: Mapping[str, Any]) -> None:
        epoch, seq = int(_number(command, "epoch")), int(_number(command, "seq"))
        if epoch < self._epoch:
            raise Rejected(f"epoch {epoch} is over; {self._epoch} was seen")
        if epoch == self._epoch and seq <= self._seq:
            raise Rejected(f"seq {seq} comes after {self._seq}")
        self._epoch, self._seq = epoch, seq

    # What goes wrong

    def suffering(self, kind: str) -> bool:
        return any(fault.kind == kind for fault in self.faults)

    def suffers(self, kind: str) -> bool:
        return kind in FAULTS

    async def begin(self, fault: Fault) -> None:
        if fault.kind == "reboot":
            self._reboot()
            return
        self.faults = (*self.faults, fault)
        if fault.kind == "frozen":
            self._frozen = self._measured()
        if fault.kind == "drop":
            self.on_cut()

    async def end(self, fault: Fault) -> None:
        self.faults = tuple(other for other in self.faults if other is not fault)
        if fault.kind == "frozen":
            self._frozen = None

    def _reboot(self) -> None:
        self.boot += 1
        self._telemetry_seq = 0
        self._answered.clear()
        for unit in self.connectors.values():
            unit.release()
        self.on_cut()


def _nothing() -> None:
    """Nobody is connected yet."""


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _meta_of(unit: ChargerUnit) -> dict[str, Any]:
    plant = unit.plant
    max_kw, floor_kw = plant.max_w / 1000, plant.floor_w / 1000
    return {
        "kind": "ev_charger",
        "ratings": {"max_kw": max_kw, "floor_kw": floor_kw},
        "allowed": [[0.0, 0.0], [floor_kw, max_kw]],
        "phases": plant.phases,
        "points": ["power_kw", "energy_in_kwh"],
    }


def _session_of(session: Session) -> dict[str, Any]:
    departure, need_wh = session.announced_departure, session.announced_need_wh
    return {
        "id": session.id,
        "plugged": True,
        "arrival": _text(session.arrival),
        "departure": None if departure is None else _text(departure),
        "need_kwh": None if need_wh is None else need_wh / 1000,
        "delivered_kwh": session.delivered_wh / 1000,
        "min_kw": session.min_w / 1000,
        "max_kw": session.max_w / 1000,
        "phases": session.phases,
        "provenance": {
            "arrival": "station",
            "departure": None if departure is None else "driver",
            "need_kwh": None if need_wh is None else "driver",
            "min_kw": "car",
            "max_kw": "car",
            "phases": "station",
        },
    }


def _number(command: Mapping[str, Any], name: str) -> float:
    value = command.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Rejected(f"{name} must be a number")
    return float(value)


def _limit_w(command: Mapping[str, Any]) -> float | None:
    """What the connector may offer, W; None releases it."""
    form = command.get("form")
    if form not in FORMS:
        raise Rejected(f"no form {form!r}")
    if form == "release":
        return None
    if form == "stop":
        return 0.0
    limit_w = 1000 * _number(command, "hi_kw" if form == "window" else "power_kw")
    if limit_w < 0:
        raise Rejected("a car cannot give power back here")
    return limit_w


def _allowed_w(unit: ChargerUnit, limit_w: float) -> float:
    """Below the floor nothing is offered, above the rating the rating."""
    offered_w = min(limit_w, unit.plant.max_w)
    return 0.0 if offered_w < unit.plant.floor_w else offered_w
