"""What the build, the tests and the import names rely on in the layout of the tree."""

from importlib.metadata import packages_distributions

import pytest

from tests.architecture.house import DISTRIBUTION, PACKAGES, ROOT


def test_every_folder_with_tests_is_a_package() -> None:
    folders = {module.parent for module in (ROOT / "tests").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_distribution_owns_an_import_name_of_ours(name: str) -> None:
    assert set(packages_distributions().get(name, [])) <= {DISTRIBUTION}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_tells_type_checkers_that_it_is_typed(name: str) -> None:
    assert (ROOT / name / "py.typed").is_file()
