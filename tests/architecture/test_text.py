"""What no tracked file may say, and what the documents must."""

import re
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, project, tracked

FOREIGN = re.compile(
    r"pypi\.org|pythonhosted\.org"  # where packages come from is the user's own setting
    r"|(?<!no-emit-)(?:index[-]url|find[-]links)\b"
    rf"|/(?:home|root|Users)/\w|{re.escape(str(ROOT))}\b"  # a path of one machine
)
DECISION = (ROOT / "docs/decisions/0001-dependencies.md").read_text()


def text_of(path: Path) -> str:
    return (ROOT / path).read_bytes().decode(errors="replace")


def test_no_tracked_file_names_a_package_index_or_a_path_of_one_machine() -> None:
    found = {
        str(path): match.group() for path in tracked() if (match := FOREIGN.search(text_of(path)))
    }
    assert found == {}


def distribution_name(requirement: str) -> str:
    return re.split(r"[\[<>=;~! ]", requirement, maxsplit=1)[0]


@pytest.mark.parametrize(
    "requirement",
    project()["dependencies"] + project()["optional-dependencies"]["demo"],
    ids=distribution_name,
)
def test_every_dependency_has_its_reason_written_down(requirement: str) -> None:
    assert f"| {distribution_name(requirement)} |" in DECISION


def test_every_target_of_the_makefile_is_explained_to_contributors() -> None:
    makefile = (ROOT / "Makefile").read_text()
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    targets = re.findall(r"^(\w+):.* ## ", makefile, flags=re.MULTILINE)
    assert targets
    assert [name for name in targets if f"`make {name}" not in contributing] == []
