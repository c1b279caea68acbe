"""Which registers a device of the city answers with, by the profile that it is said to have.

`simulation.devices.<id>` may say `sign: export_positive` (a meter of that make) and
`strict_blocks: true` (a read across a model's end is refused).
"""

from collections.abc import Callable
from typing import TypeVar

from simulators.city import Device
from simulators.entry import CityError
from simulators.physics.battery import BatteryUnit
from simulators.physics.load import LoadUnit
from simulators.physics.pv import PvUnit
from simulators.wire import storedge
from simulators.wire.registers import Block, Memory
from simulators.wire.sunspec_meter import Measurement, ThreePhaseMeter
from simulators.wire.sunspec_model import Model, chain, common_model
from simulators.wire.sunspec_pv import Curtailment, MeasuredPv, PvInverter
from simulators.wire.sunspec_storage import (
    BatteryBase,
    Capacity,
    MeasuredBattery,
    PowerSetpoint,
    StorageCapacity,
    StoredEnergy,
)
from simulators.world import World

Unit = TypeVar("Unit", BatteryUnit, PvUnit)


def memory_of(device: Device, world: World) -> Memory:
    """All registers of a Modbus device, moved by the world's physics."""
    layout = LAYOUTS.get(device.profile)
    if layout is None:
        raise CityError(
            f"device {device.id}: no simulated device speaks {device.profile!r};"
            f" there are {', '.join(LAYOUTS)}"
        )
    strict = bool(device.simulation.get("strict_blocks", False))
    return Memory(layout(device, world), strict=strict)


def unit_id(device: Device) -> int:
    return int(device.options.get("unit", 1))


def _common(device: Device, length: int | None = None) -> Model:
    return common_model(device.identity, device.id, unit_id(device), length)


def _ess(device: Device, world: World) -> list[Block]:
    unit = _unit(device, world, BatteryUnit)
    models = [
        MeasuredBattery(unit), StorageCapacity(unit), PowerSetpoint(unit), StoredEnergy(unit),
        BatteryBase(unit),
    ]  # fmt: skip
    return [*chain([_common(device), *models])]


def _bms(device: Device, world: World) -> list[Block]:
    unit = _unit(device, world, BatteryUnit)
    return [*chain([_common(device), StoredEnergy(unit), BatteryBase(unit)])]


def _pv(device: Device, world: World) -> list[Block]:
    unit = _unit(device, world, PvUnit)
    models = [MeasuredPv(unit), Capacity(unit.plant.clip_w), Curtailment(unit)]
    return [*chain([_common(device), *models])]


def _inverter(device: Device, world: World) -> list[Block]:
    return [*chain([_common(device), PvInverter(_unit(device, world, PvUnit))])]


def _meter(device: Device, world: World) -> list[Block]:
    model = ThreePhaseMeter(
        _measured(device, world),
        export_positive=device.simulation.get("sign") == "export_positive",
        largest_w=_transformers_w(device, world),
    )
    return [*chain([_common(device), model])]


def _storedge(device: Device, world: World) -> list[Block]:
    hybrid = world.hybrid.get(device.id)
    if hybrid is None:
        raise CityError(f"device {device.id}: a hybrid needs options.ac_rating_kw")
    serial = str(device.identity.get("serial", device.id))
    return storedge.blocks(hybrid, _common(device, 65), device.identity, serial)


LAYOUTS: dict[str, Callable[[Device, World], list[Block]]] = {
    "sunspec-ess": _ess,
    "sunspec-bms": _bms,
    "sunspec-pv": _pv,
    "sunspec-inverter": _inverter,
    "sunspec-meter": _meter,
    "storedge": _storedge,
}


def _unit(device: Device, world: World, kind: type[Unit]) -> Unit:
    """The first carried asset of a kind."""
    for asset in device.assets:
        unit = world.asset[asset]
        if isinstance(unit, kind):
            return unit
    raise CityError(f"device {device.id}: {device.profile} carries no {kind.__name__}")


def _measured(device: Device, world: World) -> Measurement:
    for carried in device.carries:
        if carried.meter:
            return world.meter[carried.meter]
        if carried.asset:
            unit = world.asset[carried.asset]
            if isinstance(unit, LoadUnit):
                return SubMeter(unit)
    raise CityError(f"device {device.id}: a meter carries a meter or a load")


def _transformers_w(device: Device, world: World) -> float:
    """What the meter's current transformers are made for: a site's connection, or a feeder."""
    carried = {c.meter for c in device.carries}
    inner = any(m.id in carried and m.role in ("boundary", "feeder") for m in world.city.meters)
    return 2.7e6 if inner else 270e3


class SubMeter:
    """A meter in front of one load: it shows the present power."""

    def __init__(self, load: LoadUnit) -> None:
        self._load = load
        self.export_wh = 0.0

    @property
    def power_w(self) -> float:
        return self._load.power_w

    @property
    def import_wh(self) -> float:
        return self._load.energy_wh
