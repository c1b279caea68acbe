"""The shipped example cities by their names."""

from pathlib import Path

from simulators.entry import CityError

HOUSE = Path(__file__).parents[1]
FOLDERS = (HOUSE / "vpp" / "examples", HOUSE / "deploy" / "examples")
"""Beside this package: in an installed wheel, and in a checkout."""
ENDING = ".yaml"


def city_path(given: Path) -> Path:
    """The file itself where there is one, else the shipped example of that name.

    Raises:
        CityError: there is neither.
    """
    if given.exists() or len(given.parts) != 1:
        return given
    names = {file.name: file for folder in FOLDERS for file in folder.glob(f"*{ENDING}")}
    for name in (given.name, given.name + ENDING):
        if name in names:
            return names[name]
    shipped = ", ".join(sorted(names))
    raise CityError(f"{given}: there is no such file, and no example of that name: {shipped}")
