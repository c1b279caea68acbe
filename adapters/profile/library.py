"""Finds profiles by name: in folders that the configuration names, then among those shipped."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from adapters.profile.loader import read_profile
from adapters.profile.profile import Profile

_ENDING = ".yaml"


def shipped_names() -> tuple[str, ...]:
    """Names of the profiles that come with the package, sorted."""
    folder = files("adapters").joinpath("profiles")
    return tuple(
        sorted(e.name.removesuffix(_ENDING) for e in folder.iterdir() if e.name.endswith(_ENDING))
    )


@cache
def shipped(name: str) -> Profile:
    """A profile of the package, by a name of ``shipped_names``.

    Raises:
        ConfigurationError: the file is no profile.
    """
    source = files("adapters").joinpath("profiles", name + _ENDING)
    return read_profile(source.read_text(encoding="utf-8"), name, f"profile {name}")


def find_profile(name: str, folders: Sequence[Path] = ()) -> Profile | None:
    """The profile of this name, or None.

    Raises:
        ConfigurationError: a file of this name is no profile.
    """
    for folder in folders:
        file = folder / (name + _ENDING)
        if file.is_file():
            return read_profile(file.read_text(encoding="utf-8"), name, str(file))
    return shipped(name) if name in shipped_names() else None
