"""Finds profiles by name: in folders that the configuration names, then among those shipped."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Generic, TypeVar

from adapters.profile.loader import read_mqtt_profile, read_profile
from vpp.domain.errors import ConfigurationError, Mistake

Made = TypeVar("Made")
_ENDING = ".yaml"


class Shelf(Generic[Made]):
    """Profiles for one protocol. The file's name without its ending is the profile's."""

    def __init__(
        self, protocol: str, folder: Traversable, read: Callable[[str, str, str], Made]
    ) -> None:
        """``read`` takes text, name and file; ``folder`` holds those shipped."""
        self._protocol, self._folder, self._read = protocol, folder, read
        self._shipped: dict[str, Made] = {}

    def names(self, folders: Sequence[Path] = ()) -> tuple[str, ...]:
        """What there is to choose from, sorted: in these folders, and shipped."""
        files_of = (entry for folder in (self._folder, *folders) for entry in _entries(folder))
        return tuple(sorted({e.name.removesuffix(_ENDING) for e in files_of}))

    def shipped(self, name: str) -> Made:
        """A profile of the package, by one of its ``names``, read once.

        Raises:
            ConfigurationError: the file is no profile.
        """
        if name not in self._shipped:
            text = self._folder.joinpath(name + _ENDING).read_text(encoding="utf-8")
            self._shipped[name] = self._read(text, name, f"profile {name}")
        return self._shipped[name]

    def find(self, name: str, folders: Sequence[Path], path: str) -> Made:
        """The profile of this name, which stands at ``path`` of the city file.

        Raises:
            ConfigurationError: there is none, or the file of this name is no profile.
        """
        for folder in folders:
            file = folder / (name + _ENDING)
            if file.is_file():
                return self._read(file.read_text(encoding="utf-8"), name, str(file))
        if name in self.names():
            return self.shipped(name)
        problem = f"there is no {self._protocol} profile {name!r}"
        remedy = f"one of {', '.join(self.names(folders))}"
        raise ConfigurationError(
            [Mistake(file="city file", line=None, path=path, problem=problem, remedy=remedy)]
        )


def _entries(folder: Traversable) -> list[Traversable]:
    inside = folder.iterdir() if folder.is_dir() else ()
    return [entry for entry in inside if entry.name.endswith(_ENDING) and entry.is_file()]


_PROFILES = files("adapters").joinpath("profiles")
MODBUS = Shelf("Modbus", _PROFILES, read_profile)
MQTT = Shelf("MQTT", _PROFILES.joinpath("mqtt"), read_mqtt_profile)
