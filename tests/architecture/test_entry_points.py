"""What pyproject.toml declares is what is installed, and it loads."""

from importlib.metadata import EntryPoint, distribution

import pytest

from tests.architecture.house import DISTRIBUTION, project

DECLARED = [
    EntryPoint(name=name, value=value, group=group)
    for group, names in {
        "console_scripts": project()["scripts"],
        **project()["entry-points"],
    }.items()
    for name, value in names.items()
]


def test_the_installed_entry_points_are_the_declared_ones() -> None:
    assert set(distribution(DISTRIBUTION).entry_points) == set(DECLARED)


@pytest.mark.parametrize("entry", DECLARED, ids=lambda entry: f"{entry.group}:{entry.name}")
def test_an_entry_point_loads(entry: EntryPoint) -> None:
    assert callable(entry.load())
