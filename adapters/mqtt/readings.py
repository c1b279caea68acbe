"""Telemetry of one device as batches."""

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from msgspec import UNSET

from adapters.mqtt.messages import TelemetryAsset, TelemetryMessage
from vpp.domain.batch import Batch
from vpp.domain.device_alarm import DeviceAlarm
from vpp.domain.devices import Carried, Device
from vpp.domain.ids import AssetId, MeterId
from vpp.domain.points import OperatingState, Point, Quantity
from vpp.domain.quality import Quality

Subject = AssetId | MeterId
Reading = tuple[float, Quality]
NOTHING: Reading = (math.nan, Quality.MISSING)
AT_REST_KW = 0.05
"""Power below which a device that tells no state counts as standing by."""
SHAPES = 64
"""Combinations of assets of which the points are kept."""
USUAL = (Quantity.POWER_KW, Quantity.ENERGY_IN_KWH, Quantity.ENERGY_OUT_KWH)
OF_WRITTEN = (Quantity.SETPOINT_KW, Quantity.REVERSION_S, Quantity.STATE)
_STATES = {
    "off": OperatingState.OFF,
    "standby": OperatingState.STANDBY,
    "running": OperatingState.RUNNING,
    "fault": OperatingState.FAULT,
    "local": OperatingState.LOCAL,
}


class Holding(Protocol):
    """Where a setpoint comes from that the telemetry does not tell."""

    def read(self, now_s: float) -> Reading: ...

    def left_s(self, now_s: float) -> Reading: ...


class Readings:
    """Turns messages into batches; one tuple of points for each set of assets."""

    def __init__(self, device: Device, held: Mapping[Subject, Holding]) -> None:
        self._device = device.id
        self._points = {carried.subject: _points_of(carried) for carried in device.carries}
        self._held = held
        self._shapes: dict[tuple[Subject, ...], tuple[Point, ...]] = {}

    def strangers(self, message: TelemetryMessage) -> int:
        """How many assets it speaks of that the device does not carry."""
        return sum(1 for name in message.assets if name not in self._points)

    def batch(
        self,
        message: TelemetryMessage,
        *,
        arrived_s: float,
        age_s: float,
        alarms: tuple[DeviceAlarm, ...],
        boot: int | None,
    ) -> Batch | None:
        """None where it says nothing of what the device carries."""
        subjects = tuple(subject for subject in self._points if subject in message.assets)
        if not subjects:
            return None
        readings = [
            self._read(point, message.assets[point.subject], arrived_s)
            for point in self._shape(subjects)
        ]
        return Batch(
            device=self._device,
            points=self._shape(subjects),
            values=np.array([value for value, _ in readings]),
            quality=np.array([quality for _, quality in readings], dtype=np.uint8),
            arrived_s=arrived_s,
            measured_s=arrived_s - age_s,
            alarms=alarms,
            boot=boot,
        )

    def complaints(self, alarms: tuple[DeviceAlarm, ...], arrived_s: float) -> Batch:
        """What stands now, between two telemetries, which tell it too."""
        return Batch(
            device=self._device,
            points=(),
            values=np.zeros(0),
            quality=np.zeros(0, dtype=np.uint8),
            arrived_s=arrived_s,
            measured_s=arrived_s,
            alarms=alarms,
        )

    def _shape(self, subjects: tuple[Subject, ...]) -> tuple[Point, ...]:
        if subjects not in self._shapes:
            if len(self._shapes) == SHAPES:
                self._shapes.clear()
            self._shapes[subjects] = tuple(p for s in subjects for p in self._points[s])
        return self._shapes[subjects]

    def _read(self, point: Point, said: TelemetryAsset, now_s: float) -> Reading:
        match point.quantity:
            case Quantity.STATE:
                return _state(said)
            case Quantity.SETPOINT_KW:
                return self._setpoint(point.subject, said, now_s)
            case Quantity.REVERSION_S if said.reversion_s is None and point.subject in self._held:
                return self._held[point.subject].left_s(now_s)
            case quantity:
                return _trusted(getattr(said, quantity.value), quantity.value, said)

    def _setpoint(self, subject: Subject, said: TelemetryAsset, now_s: float) -> Reading:
        if said.setpoint_kw is UNSET:
            held = self._held.get(subject)
            return NOTHING if held is None else held.read(now_s)
        if said.setpoint_kw is None:
            return math.nan, Quality.GOOD
        return _trusted(said.setpoint_kw, Quantity.SETPOINT_KW.value, said)


def _points_of(carried: Carried) -> tuple[Point, ...]:
    quantities = tuple(carried.reads) or USUAL
    written = OF_WRITTEN if carried.writes else ()
    every = dict.fromkeys((*quantities, *written))
    return tuple(Point(subject=carried.subject, quantity=quantity) for quantity in every)


def _trusted(value: float | None, name: str, said: TelemetryAsset) -> Reading:
    quality = Quality[said.quality.get(name, "good").upper()]
    return NOTHING if value is None or quality is Quality.MISSING else (value, quality)


def _state(said: TelemetryAsset) -> Reading:
    """As told, else by whether power flows."""
    if said.state is not None:
        return _trusted(_STATES[said.state], Quantity.STATE.value, said)
    power_kw, quality = _trusted(said.power_kw, Quantity.POWER_KW.value, said)
    if quality is Quality.MISSING:
        return NOTHING
    at_rest = abs(power_kw) < AT_REST_KW
    return (OperatingState.STANDBY if at_rest else OperatingState.RUNNING), quality
