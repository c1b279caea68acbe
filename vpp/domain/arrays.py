"""Read-only float arrays: what crosses a task or process cannot change under it."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from vpp.domain.errors import InvariantError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def frozen(values: npt.ArrayLike) -> Floats:
    """The values as a read-only float64 array; copied unless they are one already."""
    array = np.asarray(values, dtype=np.float64)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


def frozen_ints(values: npt.ArrayLike) -> Ints:
    """The values as a read-only int64 array, for indices."""
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array


def zero_if_nan(values: Floats) -> Floats:
    """The values, 0 where they are not a number."""
    return np.where(np.isnan(values), 0.0, values)


def require_shape(name: str, array: npt.NDArray[np.generic], shape: tuple[int, ...]) -> None:
    """Raise InvariantError unless the array has exactly this shape."""
    if array.shape != shape:
        raise InvariantError(f"{name} has shape {array.shape}, expected {shape}")


def require_finite(name: str, array: Floats) -> None:
    """Raise InvariantError at the first NaN or infinity, naming its index."""
    finite = np.isfinite(array)
    if not finite.all():
        bad = np.argwhere(~finite)
        at: Iterable[int] = (int(i) for i in bad[0])
        raise InvariantError(
            f"{name}{list(at)} is {array[tuple(bad[0])]}, expected a finite number"
        )
