"""One day of the street, lived once for all tests that look at it."""

import pytest

from tests.virtual_time import virtual_loop
from tests.vpp.scenarios.day import Day, lived


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Lived on a loop whose clock jumps to the next timer."""
    loop = virtual_loop()
    try:
        return loop.run_until_complete(lived(tmp_path_factory.mktemp("day")))
    finally:
        loop.close()
