"""What a command line names: files, folders and installed parts, looked for before anything begins.

What is not there is a wrong command line; what is wrong inside a file is that file's mistake.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from vpp.config.examples import example_city, example_names
from vpp.config.findings import instead
from vpp.ports import plugins


def city_file(given: Path | None) -> Path | None:
    """The file itself where there is one, else the shipped example of that name."""
    if given is None or given.exists():
        return given
    name, names = given.name.removesuffix(".yaml"), example_names()
    if len(given.parts) == 1 and name in names:
        return example_city(name)
    close = instead(name, names)
    raise typer.BadParameter(f"there is no file {str(given)!r}, and no such example: {close}")


def _file_there(given: Path | None) -> Path | None:
    if given is not None and not given.is_file():
        raise typer.BadParameter(f"there is no file {str(given)!r}")
    return given


def _record_there(given: Path) -> Path:
    if not given.is_dir():
        problem = f"{str(given)!r} is a file" if given.exists() else f"there is no {str(given)!r}"
        raise typer.BadParameter(f"{problem}: name the folder with sites.csv and sites_*.csv")
    return given


def _file_to_write(given: Path | None) -> Path | None:
    if given is None:
        return None
    if given.is_dir():
        raise typer.BadParameter(f"{str(given)!r} is a folder: name a file in it")
    folder = given.absolute().parent
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {str(folder)!r}: make it, or name another")
    if not os.access(given if given.exists() else folder, os.W_OK):
        raise typer.BadParameter(f"{str(given)!r} cannot be written: name another")
    return given


def _folder_to_write(given: Path) -> Path:
    there = next(path for path in (given, *given.absolute().parents) if path.exists())
    if not there.is_dir():
        raise typer.BadParameter(f"{str(there)!r} is a file: name a folder, it is made")
    if not os.access(there, os.W_OK | os.X_OK):
        raise typer.BadParameter(f"{str(there)!r} cannot be written: name another")
    return given


def _installed(group: str, what: str, *more: str) -> Callable[[str | None], str | None]:
    """``more``: names that are taken beside those that are installed."""

    def check(given: str | None) -> str | None:
        names = (*plugins.names(group), *more)
        if given is not None and given not in names:
            problem = f"no {what} {given!r} is installed"
            raise typer.BadParameter(f"{problem}: {instead(given, names)}")
        return given

    return check


def _forecast(said: str, *more: str) -> Any:
    """The option that names a forecaster; typer's own options are of any type."""
    return typer.Option(
        "--forecast", help=said, callback=_installed(plugins.FORECASTERS, "forecaster", *more)
    )


CityFile = Annotated[
    Path,
    typer.Argument(
        metavar="CITY.YAML", help="The city file, or an example: city-20.", callback=city_file
    ),
]
OtherCityFile = Annotated[
    Path | None,
    typer.Argument(metavar="CITY.YAML", help="Another city than the example.", callback=city_file),
]
RecordedCity = Annotated[
    Path | None,
    typer.Option("--city", help="City file that the record is of.", callback=city_file),
]
LearntCity = Annotated[
    Path, typer.Option("--city", help="City file that the record is of.", callback=city_file)
]
Record = Annotated[
    Path,
    typer.Argument(metavar="DATA_DIR", help="Folder of the record.", callback=_record_there),
]
EvSessions = Annotated[
    Path | None,
    typer.Option("--ev-sessions", help="Cars, instead of the folder's.", callback=_file_there),
]
History = Annotated[
    Path | None,
    typer.Option("--history", help="History file, instead of the daemon's.", callback=_file_there),
]
AuditRecord = Annotated[
    Path | None,
    typer.Option("--file", help="The record itself, instead of a daemon's.", callback=_file_there),
]
Results = Annotated[
    Path, typer.Option("--out", help="Folder for the results.", callback=_folder_to_write)
]
Page = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Page with plots to write, as forecast.html.", callback=_file_to_write
    ),
]
Picture = Annotated[
    Path | None,
    typer.Option(
        "--picture",
        metavar="FILE.SVG",
        help="Draw the last live view into a file.",
        callback=_file_to_write,
    ),
]
Planner = Annotated[
    str,
    typer.Option(
        "--planner",
        help="lp, rule or an installed one.",
        callback=_installed(plugins.PLANNERS, "planner"),
    ),
]
Forecaster = Annotated[str | None, _forecast("model, persistence or an installed one; the city's.")]
Foreseeing = Annotated[str, _forecast("model, ridge, persistence or an installed one.")]
Learning = Annotated[str, _forecast("model, ridge or an installed one that learns.")]
Foreseen = Annotated[
    str | None,
    _forecast(
        "model, persistence, an installed one, perfect, or none (no plan); the city's.",
        "perfect",
        "none",
    ),
]
