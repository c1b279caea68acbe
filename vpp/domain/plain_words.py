"""What people say for the record: short, and nothing in it that steers a terminal."""

from vpp.domain.errors import InvariantError

LONGEST = 200
"""Characters."""


def legible(said: str) -> str:
    """The words with a mark in the place of every character that a screen cannot show."""
    return "".join(c if c.isprintable() else "\ufffd" for c in said)


def plain(said: str, what: str) -> str:
    """The words themselves; ``what`` names them where they are refused.

    Raises:
        InvariantError: they are too long, or have a character that a screen cannot show: a line's
            end, an escape, one that turns the direction of writing.
    """
    if len(said) > LONGEST:
        raise InvariantError(f"{what} has {len(said)} characters: at most {LONGEST} go on record")
    unshown = next((c for c in said if not c.isprintable()), None)
    if unshown is not None:
        raise InvariantError(
            f"{what} has the character {unshown!a}: write it as one line of plain text"
        )
    return said
