"""What the ridge looks at: what the profiles missed lately, and by which part reality differs.

Arrays end in (rows, instants); what is not known counts as "as expected".
"""

from collections.abc import Sequence

import numpy as np

from vpp.domain.arrays import Floats, Ints

DAY_H, WEEK_DAYS = 24, 7
WINDOWS_H = (0.0, 1.0, 3.0, 24.0)
"""Lengths of the windows before the issue; the first is the newest slot alone."""
SKY_H = 3.0
"""Longest window from which the sky is judged."""
LEAST_PART = 0.05
"""Of a row's mean: a window of which less was expected tells no part."""


def windows(places: int) -> list[int]:
    """Lengths in slots of a day with so many."""
    return sorted({max(round(hours * places / DAY_H), 1) for hours in WINDOWS_H})


def sky_windows(places: int) -> list[int]:
    return [one for one in windows(places) if one <= SKY_H * places / DAY_H]


def missed_kw(
    values_kw: Floats, expected_kw: Floats, issues: Ints, lengths: Sequence[int]
) -> list[Floats]:
    """Mean of what the profile missed within each window before each issue."""
    known = np.isfinite(values_kw)
    missed = _sums(np.where(known, values_kw - expected_kw, 0.0))
    counts = _sums(known.astype(np.float64))
    return [
        _within(missed, issues, one) / np.maximum(_within(counts, issues, one), 1.0)
        for one in lengths
    ]


def parts(
    values_kw: Floats,
    expected_kw: Floats,
    issues: Ints,
    lengths: Sequence[int],
    level_kw: Floats,
) -> list[Floats]:
    """By which part more came than was expected within each window, -1 to 1.

    ``level_kw``: usual size of each row.
    """
    known = np.isfinite(values_kw)
    came, due = (_sums(np.where(known, one, 0.0)) for one in (values_kw, expected_kw))
    found = []
    for one in lengths:
        expected = _within(due, issues, one)
        telling = expected > LEAST_PART * one * level_kw[:, None]
        ratio = _within(came, issues, one) / np.where(telling, expected, 1.0)
        found.append(np.where(telling, np.clip(ratio - 1.0, -1.0, 1.0), 0.0))
    return found


def _sums(values: Floats) -> Floats:
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)


def _within(sums: Floats, issues: Ints, length: int) -> Floats:
    return np.asarray(sums[:, issues] - sums[:, np.maximum(issues - length, 0)])
