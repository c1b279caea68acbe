"""Where the points of a profile stand in one device, once it has been looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.modbus.codec import TYPES, WireType, decode, string_type
from adapters.modbus.definitions import ModelPoint, points_of
from adapters.modbus.sunspec import Model
from adapters.profile.profile import AtAddress, InModel, Profile, RegisterPoint
from vpp.domain.errors import WrongDevice

_SMALLEST, _GREATEST = -10, 10
"""Powers of ten that SunSpec allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where a power of ten stands, or which one it is."""

    registers: "Registers | None" = None
    power: int | None = 0
    """None: the device leaves it out, so that what it scales means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """A number's place in a device."""

    name: str
    address: int
    type: WireType
    region: int
    """Registers of one region may be read together: a SunSpec model by its id, else 0."""
    input_registers: bool = False
    low_first: bool = False
    missing: tuple[int, ...] = ()
    factor: float = 1.0
    """House units per raw count, sign included, before the power of ten."""
    scale: Scale = Scale()

    @property
    def end(self) -> int:
        return self.address + self.type.registers


def place(profile: Profile, models: Mapping[int, Model]) -> Mapping[str, Registers]:
    """Every point that the device has; optional ones may be left out.

    Raises:
        WrongDevice: the device lacks a model or point that the profile needs.
    """
    placed: dict[str, Registers] = {}
    for point in profile.points.values():
        registers = _placed(point, profile, models)
        if registers is not None:
            placed[point.name] = registers
        elif not point.optional:
            raise WrongDevice(
                f"lacks {_name(point)}, which profile {profile.name} needs; its models:"
                f" {', '.join(str(model) for model in models) or 'none'}"
            )
    return placed


def scale_registers(points: Iterable[Registers]) -> Mapping[str, Registers]:
    """The scale factors that have to be read, each once."""
    wanted = (point.scale.registers for point in points)
    return {scale.name: scale for scale in wanted if scale is not None}


def power_of_ten(registers: Registers, data: bytes) -> int | None:
    """The power that stands there; None where it is not implemented."""
    raw = int(decode(registers.type, data, low_first=registers.low_first))
    if raw in registers.missing or not _SMALLEST <= raw <= _GREATEST:
        return None
    return raw


def _placed(
    point: RegisterPoint, profile: Profile, models: Mapping[int, Model]
) -> Registers | None:
    if isinstance(point.place, InModel):
        return _in_model(point, point.place, models)
    return _at_address(point, point.place, profile)


def _in_model(
    point: RegisterPoint, where: InModel, models: Mapping[int, Model]
) -> Registers | None:
    model, defined = models.get(where.model), points_of(where.model)
    if model is None or defined is None or where.point not in defined:
        return None
    found = _of_definition(defined[where.point], model)
    if found is None:
        return None
    scale = found.scale
    return Registers(
        name=point.name,
        address=found.address,
        type=found.type,
        region=model.id,
        missing=found.missing,
        factor=point.factor,
        scale=scale,
    )


def _of_definition(defined: ModelPoint, model: Model) -> Registers | None:
    """A point of a definition in the device's model; None where the device ends the model early."""
    address = model.address + defined.offset
    if address + defined.type.registers > model.end:
        return None
    return Registers(
        name=f"{model.id}.{defined.name}",
        address=address,
        type=defined.type,
        region=model.id,
        missing=defined.type.missing,
        scale=_scale_of(defined, model),
    )


def _scale_of(defined: ModelPoint, model: Model) -> Scale:
    if defined.scale is None:
        return Scale()
    if isinstance(defined.scale, int):
        return Scale(power=defined.scale)
    points = points_of(model.id) or {}
    registers = _of_definition(points[defined.scale], model)
    return Scale(power=None) if registers is None else Scale(registers=registers)


def _at_address(point: RegisterPoint, where: AtAddress, profile: Profile) -> Registers:
    kind = string_type(where.length) if where.type == "string" else TYPES[where.type]
    scale = Scale()
    if where.scale_point is not None:
        scale_point = profile.points[where.scale_point]
        if isinstance(scale_point.place, AtAddress):
            scale = Scale(registers=_at_address(scale_point, scale_point.place, profile))
    return Registers(
        name=point.name,
        address=where.address,
        type=kind,
        region=0,
        input_registers=where.input_registers,
        low_first=where.low_first,
        missing=(*kind.missing, *where.missing),
        factor=point.factor * where.scale,
        scale=scale,
    )


def _name(point: RegisterPoint) -> str:
    if isinstance(point.place, InModel):
        return f"point {point.place.point} of SunSpec model {point.place.model}"
    return f"point {point.name}"
