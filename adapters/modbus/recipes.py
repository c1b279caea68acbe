"""From a setpoint to the registers that say it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.modbus.blocks import ten_to
from adapters.modbus.codec import encode
from adapters.modbus.layout import Registers
from adapters.profile.profile import BySafeState, Control, Named, PartOf, Profile, Step, Value
from vpp.domain.assets import Asset
from vpp.domain.capability import Form
from vpp.domain.command import Verb
from vpp.domain.devices import SafeState
from vpp.domain.errors import InvariantError, Refused
from vpp.domain.setpoint import Setpoint

_SIGNED = (Named.POWER, Named.PERCENT_OF_RATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A setpoint as recipes need it; powers in house sign."""

    verb: Verb
    power_kw: float
    life_s: float
    charge_kw: float
    discharge_kw: float
    """Magnitude."""
    safe: SafeState

    def amount(self, value: Named) -> float:
        """What a recipe's value is now, in house units."""
        match value:
            case Named.RATED_CHARGE:
                return self.charge_kw
            case Named.RATED_DISCHARGE:
                return self.discharge_kw
            case Named.LIFE_S:
                return self.life_s
            case Named.PERCENT_OF_RATING:
                rating_kw = self.charge_kw if self.power_kw > 0 else self.discharge_kw
                return self.power_kw / rating_kw
            case Named.POWER | Named.MAGNITUDE:
                return self.power_kw


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Registers to write in one request."""

    points: tuple[str, ...]
    address: int
    registers: tuple[int, ...]


def order_of(
    setpoint: Setpoint, asset: Asset, control: Control, *, life_s: float, safe: SafeState
) -> Order:
    """What the setpoint asks of this asset.

    Raises:
        Refused: the profile has no recipe for it, or it has expired; nothing was sent.
    """
    verb, power_kw = _verb(setpoint, control)
    if verb not in control.recipes:
        raise Refused(f"not sent: the profile has no recipe for {setpoint.form} ({verb})")
    if life_s <= 0:
        raise Refused(f"not sent: the setpoint expired {-life_s:.1f} s ago")
    return Order(
        verb=verb,
        power_kw=power_kw,
        life_s=life_s,
        charge_kw=max(asset.rated.hi_kw, 0.0),
        discharge_kw=max(-asset.rated.lo_kw, 0.0),
        safe=safe,
    )


def _verb(setpoint: Setpoint, control: Control) -> tuple[Verb, float]:
    match setpoint.form:
        case Form.TARGET:
            power_kw = setpoint.target_kw
            sided = Verb.CHARGE if power_kw > 0 else Verb.DISCHARGE
            return (sided if power_kw else Verb.IDLE), power_kw
        case Form.STOP:
            return (Verb.STOP if Verb.STOP in control.recipes else Verb.IDLE), 0.0
        case Form.RELEASE:
            return Verb.RELEASE, 0.0
        case _:
            bound_kw = setpoint.hi_kw if math.isfinite(setpoint.hi_kw) else setpoint.lo_kw
            return Verb.LIMIT, bound_kw


class Writer:
    """Makes the writes of one device."""

    def __init__(
        self,
        profile: Profile,
        placed: Mapping[str, Registers],
        powers: Mapping[str, int | None],
    ) -> None:
        """``powers``: by name of the scale factor, None where it is not implemented."""
        self._profile, self._placed = profile, placed
        self._per_count = {
            name: registers.factor * ten_to(registers, powers) for name, registers in placed.items()
        }

    def writes(
        self,
        steps: tuple[Step, ...],
        order: Order,
        *,
        raw: Callable[[str], float],
        house: Callable[[str], float],
    ) -> list[Write]:
        """The writes of a recipe, in their order.

        A register that wears is left out where it was last read to hold the value already.
        ``raw`` and ``house`` tell what a point was last read as; NaN where nothing is known.

        Raises:
            Refused: a value cannot be said in its register; nothing was sent.
        """
        made = (self._write(step, order, raw, house) for step in steps)
        return [write for write in made if write is not None]

    def _write(
        self,
        step: Step,
        order: Order,
        raw: Callable[[str], float],
        house: Callable[[str], float],
    ) -> Write | None:
        counts = {name: self._count(name, value, order, house) for name, value in step.writes}
        if all(self._holds(name, count, raw(name)) for name, count in counts.items()):
            return None
        words = [self.encoded(name, count) for name, count in counts.items()]
        return Write(
            points=tuple(counts),
            address=self._placed[next(iter(counts))].address,
            registers=tuple(word for part in words for word in part),
        )

    def encoded(self, name: str, count: float) -> tuple[int, ...]:
        """The registers of a raw count.

        Raises:
            Refused: it does not fit; nothing was sent.
        """
        place = self._placed[name]
        try:
            return encode(place.type, count, low_first=place.low_first)
        except InvariantError as error:
            raise Refused(f"not sent: {name} at {place.address}: {error}") from error

    def _holds(self, name: str, count: float, now: float) -> bool:
        rule = self._profile.points[name].write
        return rule is not None and rule.wears and now == count

    def _count(self, name: str, value: Value, order: Order, house: Callable[[str], float]) -> float:
        """The raw count of a recipe's value."""
        match value:
            case Named():
                count = order.amount(value) / self._per_count[name]
                if value is Named.LIFE_S:
                    return math.ceil(count)
                return count if value in _SIGNED else abs(count)
            case PartOf(point=point):
                return _part(order.power_kw, point, house(point)) / abs(self._per_count[name])
            case BySafeState(values=values):
                return values[order.safe.value]
            case _:
                return value


def _part(power_kw: float, point: str, whole: float) -> float:
    """The magnitude as a part of the whole, at most all of it."""
    if not whole > 0:
        raise Refused(f"not sent: {point} was read as {whole}, so that no part of it can be said")
    return min(abs(power_kw) / whole, 1.0)
