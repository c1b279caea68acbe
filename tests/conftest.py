"""What every test may ask for: a real server, by the mark ``needs(program, package)``."""

import os
import shutil

import pytest

PROGRAM_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose server is missing, saying how to install it; in CI it fails."""
    for mark in item.iter_markers("needs"):
        program, package = mark.args
        if shutil.which(program, path=PROGRAM_PATH) is None:
            message = f"{program} is not installed: apt-get install {package}"
            if os.environ.get("CI") == "true":
                pytest.fail(message, pytrace=False)
            pytest.skip(message)
