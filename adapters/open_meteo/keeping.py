"""The last good forecast on disk, so that a restart without a network begins with it."""

from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from vpp.domain.errors import InvariantError
from vpp.domain.points import Quantity
from vpp.domain.weather import WeatherForecast


class _Kept(msgspec.Struct):
    place: tuple[float, float]
    issued_at: datetime
    start: datetime
    values: dict[str, list[float | None]]


def keep(file: Path, place: tuple[float, float], made: WeatherForecast) -> None:
    """Whole or not at all. Blocks.

    Raises:
        OSError: it cannot be written.
    """
    values = {
        str(name): [float(one) if np.isfinite(one) else None for one in column]
        for name, column in made.values.items()
    }
    kept = _Kept(place=place, issued_at=made.issued_at, start=made.start, values=values)
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(kept))
    fresh.replace(file)


def kept(file: Path, place: tuple[float, float]) -> WeatherForecast | None:
    """What was kept of this place; None where there is nothing of use. Blocks."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=_Kept)
        if found.place != place or found.issued_at.tzinfo is None:
            return None
        return WeatherForecast(
            issued_at=found.issued_at,
            start=found.start,
            values={
                Quantity(name): np.array([np.nan if one is None else one for one in column])
                for name, column in found.values.items()
            },
        )
    except (OSError, ValueError, msgspec.MsgspecError, InvariantError):
        return None
