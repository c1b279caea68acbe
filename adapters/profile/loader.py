"""Text to profile: read, shaped, checked, frozen. Every mistake names file, line and path."""

from pydantic import ValidationError

from adapters.profile.check import check
from adapters.profile.freeze import freeze
from adapters.profile.profile import Profile
from adapters.profile.schema import ProfileFile
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.text import Path, TextTree, read_text, text_path


def read_profile(text: str, name: str, file: str) -> Profile:
    """The profile that this text describes.

    Raises:
        ConfigurationError: it is no profile; holds every mistake found.
    """
    tree = read_text(text, file)
    mistakes = list(tree.mistakes)
    shaped = None if mistakes else _shaped(tree, mistakes)
    if shaped is not None:
        check(
            shaped, lambda path, problem, remedy: mistakes.append(_at(tree, path, problem, remedy))
        )
    if mistakes or shaped is None:
        raise ConfigurationError(mistakes)
    return freeze(shaped, name)


def _shaped(tree: TextTree, mistakes: list[Mistake]) -> ProfileFile | None:
    try:
        return ProfileFile.model_validate(tree.value)
    except ValidationError as error:
        seen: set[tuple[str, str]] = set()
        for detail in error.errors(include_url=False):
            problem = detail["msg"].removeprefix("Value error, ")
            mistake = _at(tree, tuple(detail["loc"]), problem, "")
            if (mistake.path, problem) not in seen:
                seen.add((mistake.path, problem))
                mistakes.append(mistake)
        return None


def _at(tree: TextTree, path: Path, problem: str, remedy: str) -> Mistake:
    """A mistake at the deepest part of the path that the file has.

    What is missing, and the ways in which a value could have been read, are not in the file.
    """
    known: Path = ()
    for step in path:
        if text_path((*known, step)) in tree.lines:
            known = (*known, step)
    missing = "" if not path or path[-1] in known or "required" not in problem else f": {path[-1]}"
    return tree.mistake(known, f"{problem}{missing}", remedy)
