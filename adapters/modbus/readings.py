"""From the points of a device to the quantities of its assets."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adapters.modbus.blocks import Decoder
from adapters.profile.profile import Choice, Reading
from vpp.domain.arrays import Floats
from vpp.domain.ids import AssetId, MeterId
from vpp.domain.points import Point
from vpp.domain.quality import Quality

_MISSING, _GOOD = int(Quality.MISSING), int(Quality.GOOD)
_Said = tuple[float, int]
"""Value and quality."""
_Evaluate = Callable[[Sequence[float], Sequence[float]], _Said]
_UNKNOWN: _Said = (math.nan, _MISSING)
_NONE: _Said = (math.nan, _GOOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A reading of a profile, of this asset or meter."""

    subject: AssetId | MeterId
    reading: Reading

    @property
    def point(self) -> Point:
        return Point(subject=self.subject, quantity=self.reading.quantity)


class Readings:
    """Evaluates all readings of one device.

    A plain one is a point times a number, and all of these are worked out at once; the others look
    at conditions one by one.
    """

    def __init__(self, bound: Sequence[Bound], decoder: Decoder) -> None:
        self._from = np.array([decoder.at(_plain(b.reading)[0]) for b in bound], dtype=np.intp)
        self._times = np.array([_plain(b.reading)[1] for b in bound])
        self._others: tuple[tuple[int, _Evaluate], ...] = tuple(
            (i, _evaluator(b.reading, decoder))
            for i, b in enumerate(bound)
            if not _plain(b.reading)[0]
        )

    def of(self, numbers: Floats, values: Floats) -> tuple[Floats, npt.NDArray[np.uint8]]:
        """Values and qualities, in the order of the bound readings."""
        found = values[self._from] * self._times + 0.0  # which makes -0 a 0
        quality = np.isnan(found).view(np.uint8) * np.uint8(_MISSING)
        if self._others:
            raw, house = numbers.tolist(), values.tolist()
            for i, evaluate in self._others:
                found[i], quality[i] = evaluate(raw, house)
        return found, quality


def _plain(reading: Reading) -> tuple[str, float]:
    """The one point that says it and its coefficient; no name where it is not that simple."""
    first = reading.choices[0]
    simple = Choice(terms=first.terms)
    if len(reading.choices) > 1 or len(first.terms) != 1 or first != simple:
        return "", math.nan
    return first.terms[0]


def _evaluator(reading: Reading, decoder: Decoder) -> _Evaluate:
    choices = tuple(_choice(choice, decoder) for choice in reading.choices)

    def evaluate(raw: Sequence[float], house: Sequence[float]) -> _Said:
        for choice in choices:
            said = choice(raw, house)
            if said is not None:
                return said
        return _UNKNOWN

    return evaluate


def _choice(
    choice: Choice, decoder: Decoder
) -> Callable[[Sequence[float], Sequence[float]], _Said | None]:
    """None where the choice does not hold, so that the next one may."""
    when = tuple((decoder.at(name), raws) for name, raws in choice.when)
    terms = tuple((decoder.at(name), times) for name, times in choice.terms)
    times = None if choice.times is None else decoder.at(choice.times)
    constant = choice.constant or 0.0

    def said(raw: Sequence[float], house: Sequence[float]) -> _Said | None:
        for at, raws in when:
            if math.isnan(house[at]) or raw[at] not in raws:
                return None
        if choice.none:
            return _NONE
        value = constant + sum(house[at] * factor for at, factor in terms)
        value = value if times is None else value * house[times]
        return None if math.isnan(value) else (max(value, choice.least), _GOOD)

    return said
