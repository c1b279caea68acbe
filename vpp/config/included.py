"""Tariffs that stand in files of their own, as if they stood in the city file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from vpp.config.examples import example_tariffs, tariff_folders
from vpp.config.findings import instead
from vpp.domain.errors import ConfigurationError
from vpp.domain.text import TextTree, read_text

_SECTION, _KEY = "tariffs", "file"


def with_files(tree: TextTree) -> TextTree:
    """The tree with every tariff that names a file replaced by what that says.

    What the city file states beside it, as the id, holds instead of the file's own. A file is
    looked for beside the city file, then among the packaged tariffs.

    Raises:
        ConfigurationError: one is not there or cannot be read.
    """
    root = tree.value
    listed = root.get(_SECTION) if isinstance(root, dict) else None
    if not isinstance(listed, list):
        return tree
    found, parts, mistakes = list(listed), dict(tree.parts), list(tree.mistakes)
    for index, entry in enumerate(listed):
        if isinstance(entry, dict) and isinstance(name := entry.get(_KEY), str):
            at = f"{_SECTION}[{index}]"
            parts[at] = part = _read(tree, f"{at}.{_KEY}", name)
            mistakes += part.mistakes
            own = {key: value for key, value in entry.items() if key != _KEY}
            found[index] = _mapping(part) | own
    value = {**root, _SECTION: found}
    return replace(tree, value=value, parts=parts, mistakes=tuple(mistakes))


def file_named(name: str, city_file: str) -> Path | None:
    """Where a file is that a city file names; None where it is not."""
    places = (Path(city_file).parent, *tariff_folders())
    return next((found for place in places if (found := place / name).is_file()), None)


def _read(tree: TextTree, path: str, name: str) -> TextTree:
    file = file_named(name, tree.file)
    if file is None:
        problem = f"there is no file {name!r} beside the city file or among the packaged tariffs"
        raise ConfigurationError([tree.mistake(path, problem, instead(name, example_tariffs()))])
    try:
        return read_text(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{file} cannot be read: {error}"
        raise ConfigurationError([tree.mistake(path, problem, "a file of UTF-8 text")]) from error


def _mapping(part: TextTree) -> dict[str, Any]:
    if isinstance(part.value, dict):
        return part.value
    raise ConfigurationError(
        part.mistakes or [part.mistake((), "is not a tariff", "the keys id and periods, as one")]
    )
