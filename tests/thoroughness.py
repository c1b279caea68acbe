"""How thoroughly properties are tried: ``VPP_FUZZ=20`` means twenty times as many examples."""

import os

from hypothesis import settings

TIMES = int(os.environ.get("VPP_FUZZ", "1"))


def examples(of_the_suite: int) -> int:
    """How many to try of what the suite tries so many times."""
    return of_the_suite * TIMES


def as_asked() -> None:
    """Load the profile that every property starts from.

    No deadline: how long an example takes is the machine's affair. What a longer search finds is
    printed with what brings it back.
    """
    settings.register_profile(
        "as asked", deadline=None, max_examples=examples(100), print_blob=TIMES > 1,
    )  # fmt: skip
    settings.load_profile("as asked")
