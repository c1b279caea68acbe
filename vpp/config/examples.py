"""The example cities and tariffs, found alike in an installed wheel and in a checkout."""

from pathlib import Path

import vpp
from vpp.domain.errors import ConfigurationError, Mistake

_PACKAGE = Path(vpp.__file__).parent
_FOLDERS = (_PACKAGE / "examples", _PACKAGE.parent / "deploy" / "examples")


def example_city(name: str = "city-20") -> Path:
    """Path of the example city file of this name, without its ending.

    Raises:
        ConfigurationError: no such example is installed.
    """
    for folder in _FOLDERS:
        if (found := folder / f"{name}.yaml").is_file():
            return found
    names = example_names()
    mistake = Mistake(
        file=f"{name}.yaml",
        line=None,
        path="examples",
        problem=f"no example city is called {name!r}",
        remedy=f"one of {', '.join(names)}" if names else "reinstall the package",
    )
    raise ConfigurationError([mistake])


def example_names() -> list[str]:
    """Of all example city files, without their ending."""
    return sorted({file.stem for folder in _FOLDERS for file in folder.glob("*.yaml")})


def tariff_folders() -> list[Path]:
    """Where packaged tariffs are."""
    return [folder / "tariffs" for folder in _FOLDERS]


def example_tariffs() -> list[str]:
    """File names of all packaged tariffs."""
    return sorted({file.name for folder in tariff_folders() for file in folder.glob("*.yaml")})
