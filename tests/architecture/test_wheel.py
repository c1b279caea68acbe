"""The wheel holds the four packages whole, the example city with them, and nothing else."""

import subprocess
import sys
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from tests.architecture.house import PACKAGES, ROOT, tracked


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[PurePosixPath]:
    """Paths inside the wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with ZipFile(built) as archive:
        return {PurePosixPath(name) for name in archive.namelist()}


def inside_wheel(path: Path) -> PurePosixPath | None:
    """Where a file of the checkout stands in the wheel, or None if it has no place there."""
    if path.is_relative_to("deploy/examples"):
        return PurePosixPath("vpp/examples", path.relative_to("deploy/examples").as_posix())
    return PurePosixPath(path.as_posix()) if path.parts[0] in PACKAGES else None


def test_every_file_of_the_packages_and_the_examples_is_in_the_wheel(
    wheel: set[PurePosixPath],
) -> None:
    expected = {place for path in tracked() if (place := inside_wheel(path))}
    assert expected - wheel == set()


def test_the_wheel_holds_device_profiles_and_the_example_city(wheel: set[PurePosixPath]) -> None:
    assert any(path.match("adapters/profiles/*.yaml") for path in wheel)
    assert PurePosixPath("vpp/examples/city-20.yaml") in wheel


def test_nothing_but_the_four_packages_and_the_metadata_is_in_the_wheel(
    wheel: set[PurePosixPath],
) -> None:
    assert {path.parts[0] for path in wheel if not path.parts[0].endswith(".dist-info")} == set(
        PACKAGES
    )
