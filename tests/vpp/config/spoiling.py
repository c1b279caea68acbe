"""What is asked of every mistake, and how a table of them is written.

A case is ``(old, new, line, path, problem, remedy)``: the text of the sample that is replaced, by
what, a part of the line that must be named, the path, and parts of problem and remedy.
"""

import pytest

from tests.vpp.config.sample import spoilt
from vpp.config.city import read_city
from vpp.domain.errors import ConfigurationError, Mistake

Case = tuple[str, str, str, str, str, str]


def mistakes(text: str) -> tuple[Mistake, ...]:
    """Everything found wrong with a text, which must be something."""
    with pytest.raises(ConfigurationError) as caught:
        read_city(text, "city.yaml")
    return caught.value.mistakes


def check(case: Case) -> None:
    """The case is found, with file, line, path and what would be right."""
    old, new, line, path, problem, remedy = case
    text = spoilt((old, new))
    (mistake,) = [m for m in mistakes(text) if m.path == path and problem in m.problem]
    assert remedy in mistake.remedy
    assert mistake.file == "city.yaml"
    assert mistake.line is not None
    assert line in text.splitlines()[mistake.line - 1]


def name_of(case: Case) -> str:
    """A case's name in a report."""
    return f"{case[3]}: {case[4]}"
