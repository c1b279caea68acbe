"""Ctrl-C before a command has begun, and while it works."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from vpp.cli.interrupts import never_lost

INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.{handler})

class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv = ["vpp", "version"]
from vpp.cli.main import main
main()
"""


def interrupted(module: str, handler: str) -> subprocess.CompletedProcess[str]:
    """The command ``vpp version``, interrupted as it imports a module."""
    code = INTERRUPTED.format(module=module, handler=handler)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("module", ["structlog", "typer", "vpp.cli.run", "vpp.cli.version"])
def test_ctrl_c_while_a_command_loads_ends_it_without_a_word(module: str) -> None:
    done = interrupted(module, "default_int_handler")
    assert done.returncode == -signal.SIGINT
    assert (done.stdout, done.stderr) == ("", "")


def test_in_the_background_of_a_shell_ctrl_c_is_somebody_elses() -> None:
    done = interrupted("vpp.cli.run", "SIG_IGN")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("vpp-orchestrator ")


@pytest.fixture
def as_python_has_it() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("as_python_has_it")
def test_ctrl_c_that_somebody_elses_code_loses_is_told_again() -> None:
    with never_lost() as tell:
        tell()
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            tell()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
