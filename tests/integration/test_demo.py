"""Ctrl-C at the terminal in which a demo runs: simulators, planner and daemon get it together."""

import tempfile
from pathlib import Path

import pytest

from tests.integration.processes import until, vpp
from vpp.cli import exits

BEGINS_S = 150.0
"""On a busy machine: eight days are made up and learnt from first."""

pytestmark = pytest.mark.timeout(300)


def test_ctrl_c_to_the_whole_group_of_a_demo_leaves_every_device_safe_and_nobody_behind(
    tmp_path: Path,
) -> None:
    said = tmp_path / "said"
    with said.open("w") as out, tempfile.TemporaryDirectory() as short:
        home = Path(short)
        arguments = ["demo", "--speed", "600", "--start", "2026-07-15T05:30"]
        with vpp(home, arguments, prints_to=out.fileno()) as demo:
            until(
                lambda: " writes" in said.read_text() or demo.process.poll() is not None,
                "its first line",
                BEGINS_S,
            )
            assert len(children(home)) > 1, "the demo, its simulators and its planner"
            ended = demo.interrupt_group()
            until(lambda: not children(home), "the end of every process")
    told = said.read_text()
    assert ended.code == exits.OK, told
    assert "35 of 35 assets read back in their safe state" in told
    assert "Traceback" not in told


def children(home: Path) -> list[Path]:
    """Processes that began under this state directory, in whatever session they are."""
    marked = f"VPP_STATE_HOME={home}".encode()
    return [entry for entry in Path("/proc").glob("[0-9]*") if marked in environment(entry)]


def environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is somebody else's
        return []
