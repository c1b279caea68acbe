"""Fits as bytes: a NumPy archive without any objects, so that reading it runs nothing."""

import io
import zipfile
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from optimizer.forecasting.families import Course, Family, Told
from optimizer.forecasting.fit import Families, PanelFit
from optimizer.forecasting.fitting import Fitted
from optimizer.forecasting.gates import Usual
from optimizer.forecasting.own_errors import OwnErrors
from optimizer.forecasting.trackers import DayProfile
from vpp.domain.arrays import Floats

FORMAT = 2
"""To be raised whenever profiles, features or leads change their meaning or their number."""
Arrays = dict[str, npt.NDArray[np.generic]]
ERRORS = ("deviation_kw", "distances_h", "quantiles", "persistence")
PARTS = ("loads", "plants")


def written(fits: Mapping[str, PanelFit]) -> bytes:
    """By name."""
    arrays: Arrays = {"format": np.array([FORMAT])}
    for name, fit in fits.items():
        arrays |= {f"{name}/{key}": value for key, value in _of_fit(fit)}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def read(families: Families, data: bytes) -> dict[str, PanelFit]:
    """What was written.

    Raises:
        ValueError: it is damaged, or of another format.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays: Arrays = {key: file[key] for key in file.files}
        if int(arrays.pop("format")[0]) != FORMAT:
            raise ValueError("it is of another format")
        names = dict.fromkeys(key.partition("/")[0] for key in arrays)
        return {name: _fit(families, _beneath(arrays, name)) for name in names}
    except (KeyError, IndexError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"it is damaged: {error}") from error


def _of_fit(fit: PanelFit) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
    yield "until_s", np.array([fit.until_s])
    if fit.weathered:
        yield "weathered", np.array([1])
    yield "usable", fit.usable
    yield "size_kw", fit.size_kw
    yield "most_kw", fit.usual.most_kw
    yield "resting_kw", fit.usual.resting_kw
    for name in ERRORS:
        yield f"errors/{name}", getattr(fit.errors, name)
    for part, fitted in zip(PARTS, (fit.loads, fit.plants), strict=True):
        yield f"{part}/values_kw", fitted.tail.values_kw
        yield f"{part}/expected_kw", fitted.tail.expected_kw
        yield f"{part}/places", np.array([fitted.tail.places])
        yield f"{part}/level_kw", fitted.level_kw
        yield f"{part}/coefficients", fitted.coefficients
        yield f"{part}/share", fitted.share
        if fitted.tail.told is not None:
            yield f"{part}/told/weather_share", fitted.weather_share
            yield f"{part}/told/now", fitted.tail.told.now
            yield f"{part}/told/usual", fitted.tail.told.usual
        for number, usual in enumerate(fitted.usual):
            for place, memory in enumerate(usual.memory()):
                yield f"{part}/usual {number}/{place}", memory
        for number, tracker in enumerate(fitted.trackers):
            for place, memory in enumerate(tracker.memory()):
                yield f"{part}/tracker {number}/{place}", memory


def _fit(families: Families, arrays: Arrays) -> PanelFit:
    weathered = "weathered" in arrays
    families = families.under(weather=weathered)
    return PanelFit(
        weathered=weathered,
        until_s=float(arrays["until_s"][0]),
        loads=_part(families.loads, _beneath(arrays, "loads")),
        plants=_part(families.plants, _beneath(arrays, "plants")),
        usable=arrays["usable"].astype(bool),
        usual=Usual(most_kw=_floats(arrays["most_kw"]), resting_kw=_floats(arrays["resting_kw"])),
        size_kw=_floats(arrays["size_kw"]),
        errors=OwnErrors(**{name: _floats(arrays[f"errors/{name}"]) for name in ERRORS}),
    )


def _part(family: Family, arrays: Arrays) -> Fitted:
    values_kw, places = _floats(arrays["values_kw"]), int(arrays["places"][0])
    trackers = family.trackers(len(values_kw), places)
    for number, tracker in enumerate(trackers):
        for at, memory in enumerate(tracker.memory()):
            memory[...] = _floats(arrays[f"tracker {number}/{at}"])
    coefficients = _floats(arrays["coefficients"])
    told, usual = None, list[DayProfile]()
    weather_share = np.zeros(coefficients.shape[1:3])
    if "told/now" in arrays:
        weather_share = _floats(arrays["told/weather_share"])
        told = Told(now=_floats(arrays["told/now"]), usual=_floats(arrays["told/usual"]))
        usual = [DayProfile(told.now.shape[1], places) for _ in told.now]
        for number, one in enumerate(usual):
            for at, memory in enumerate(one.memory()):
                memory[...] = _floats(arrays[f"usual {number}/{at}"])
    return Fitted(
        family=family,
        trackers=trackers,
        usual=usual,
        tail=Course(
            values_kw=values_kw,
            expected_kw=_floats(arrays["expected_kw"]),
            places=places,
            told=told,
        ),
        level_kw=_floats(arrays["level_kw"]),
        coefficients=coefficients,
        share=_floats(arrays["share"]),
        weather_share=weather_share,
    )


def _beneath(arrays: Arrays, name: str) -> Arrays:
    return {
        key.removeprefix(f"{name}/"): value
        for key, value in arrays.items()
        if key.startswith(f"{name}/")
    }


def _floats(array: npt.NDArray[np.generic]) -> Floats:
    return array.astype(np.float64)
