"""What people say for the record: short, and nothing in it that steers a terminal."""

from unicodedata import category

from vpp.domain.errors import InvariantError

LONGEST = 200
"""Characters."""


def legible(said: str) -> str:
    """The words with a mark in the place of every character that a screen cannot show."""
    return "".join(c if _shown(c) else "\ufffd" for c in said)


def stated(said: object, what: str) -> str:
    """Words that have to go on record, as whoever speaks to the daemon gave them.

    Raises:
        InvariantError: they are missing or blank, no text, or not ``plain``.
    """
    if said is None or (isinstance(said, str) and not said.strip()):
        raise InvariantError(f"{what} is missing: it goes on record")
    if not isinstance(said, str):
        raise InvariantError(f"{what} is no text")
    return plain(said, what)


def plain(said: str, what: str) -> str:
    """The words themselves; ``what`` names them where they are refused.

    Raises:
        InvariantError: they are too long, or have a character that a screen cannot show: a line's
            end, an escape, one that turns the direction of writing.
    """
    if len(said) > LONGEST:
        raise InvariantError(f"{what} has {len(said)} characters: at most {LONGEST} go on record")
    unshown = next((c for c in said if not _shown(c)), None)
    if unshown is not None:
        raise InvariantError(
            f"{what} has the character {unshown!a}: write it as one line of plain text"
        )
    return said


def _shown(character: str) -> bool:
    """Letters and signs, and the spaces of every script."""
    return character.isprintable() or category(character) == "Zs"
