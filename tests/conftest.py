"""What every test may ask for by a mark: a server that must be installed, or virtual time."""

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling

from tests import thoroughness
from tests.lived_once import ByRun
from tests.virtual_time import virtual_loop

thoroughness.as_asked()
PROGRAM_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))


def pytest_report_header() -> str:
    """Names what the suite leaves out."""
    return "too long for the suite: make fuzz, make stability, make soak"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling | None:
    """With ``--dist loadgroup`` a run that several tests look at is lived once."""
    return ByRun(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose server is missing, saying how to install it; in CI it fails."""
    for mark in item.iter_markers("needs"):
        program, package = mark.args
        if shutil.which(program, path=PROGRAM_PATH) is None:
            message = f"{program} is not installed: apt-get install {package}"
            if os.environ.get("CI") == "true":
                pytest.fail(message, pytrace=False)
            pytest.skip(message)


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Gives a test marked ``virtual_time`` a loop that jumps to the next timer when idle."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": virtual_loop}
    return {"real": asyncio.new_event_loop}
