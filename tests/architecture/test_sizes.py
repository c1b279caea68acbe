"""A module is one idea: mostly under 150 lines, none over 400."""

from pathlib import Path

import pytest

from tests.architecture.house import PACKAGES, ROOT

LONGEST = 400
MODULES = [
    module.relative_to(ROOT) for package in PACKAGES for module in (ROOT / package).rglob("*.py")
]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_is_at_most_400_lines_long(module: Path) -> None:
    assert len((ROOT / module).read_text().splitlines()) <= LONGEST
