"""What is wrong with a city file, collected while it is read, each with what would be right."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import TypeVar

from pydantic import ValidationError

from vpp.config.entries import Entry
from vpp.config.shape import explain
from vpp.domain.errors import Mistake
from vpp.domain.text import Path, TextTree

Shaped = TypeVar("Shaped", bound=Entry)

_LISTED = 12
_SUGGESTIONS = 50


class Findings:
    """The mistakes of one file, in the order in which they were found."""

    def __init__(self, tree: TextTree) -> None:
        self.tree = tree
        self.mistakes: list[Mistake] = list(tree.mistakes)
        self._suggested = 0
        self._absent: set[str] = set()

    def add(self, path: Path, problem: str, remedy: str = "") -> None:
        """Note a mistake at a path of the file."""
        self.mistakes.append(self.tree.mistake(path, problem, remedy))

    def unknown(self, path: Path, what: str, name: str, known: Collection[str]) -> None:
        """Note a name that refers to nothing.

        Where the file names nothing of the kind, the first reference stands for all of them: they
        have one cause.
        """
        if not known:
            if what not in self._absent:
                self._absent.add(what)
                self.add(path, f"{what} {name!r} is unknown", f"the file names no {what} at all")
            return
        self.add(path, f"{what} {name!r} is unknown", self._instead(name, known))

    def shaped(self, kind: type[Shaped], value: object, path: Path) -> Shaped | None:
        """The value as an entry of this kind; None where its shape is wrong, which is noted."""
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            for where, problem, remedy in explain(kind, value, error):
                self.add((*path, *where), problem, remedy)
            return None

    def _instead(self, name: str, known: Collection[str]) -> str:
        """What was probably meant; comparing is slow, so only a file's first mistakes get it."""
        self._suggested += 1
        if self._suggested > _SUGGESTIONS:
            return f"one of the {len(known)} that the file names"
        return instead(name, known)


def instead(name: str, known: Iterable[str]) -> str:
    """What was probably meant by an unknown name, or what there is to choose from."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return "the file names none"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"one of {', '.join(names[:_LISTED])}{more}"
