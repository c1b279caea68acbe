"""Tests that look at one long run: the worker that lives it has all of them.

Their file says so by an ``xdist_group``. pytest-xdist 3.8 writes the group to an attribute that
pytest 9.2 no longer reads, without a word, and every worker lived every run; so the file is read.
"""

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadGroupScheduling

ROOT = Path(__file__).parents[1]


class ByRun(LoadGroupScheduling):
    """A file with a run is one unit of work, any other test is one by itself."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def unit_of(nodeid: str) -> str:
    """What a worker takes at once."""
    file = nodeid.partition("::")[0]
    return file if _is_lived_once(file) else nodeid


@cache
def _is_lived_once(file: str) -> bool:
    return "pytest.mark.xdist_group(" in (ROOT / file).read_text(encoding="utf-8")
