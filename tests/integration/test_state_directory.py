"""Somebody removes the state directory, or the lock, under a daemon that runs."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.processes import SimulatedCity, audit, simulated, until, vpp
from vpp.cli import exits
from vpp.config.examples import example_city
from vpp.runtime.audit_chain import verify
from vpp.runtime.audit_file import reserve_of


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SimulatedCity]:
    with simulated(example_city("one-house"), tmp_path) as city:
        yield city


def arguments(city: SimulatedCity) -> list[object]:
    return ["run", city.file, "--base-port", city.base_port, "--http", "off"]


def unbroken(home: Path) -> bool:
    (file,) = home.glob("*/audit.jsonl")
    return verify(file, reserve_of(file)).broken is None


def epochs(home: Path) -> list[int]:
    return [record["epoch"] for record in audit(home) if record["epoch"]]


def test_without_its_state_directory_it_makes_its_devices_safe_and_ends(
    house: SimulatedCity, tmp_path: Path
) -> None:
    with vpp(tmp_path, arguments(house)) as daemon:
        until(house.writes, "a write to the battery")
        gone = (tmp_path / "one-house").rename(tmp_path / "gone")  # nothing is put there meanwhile
        shutil.rmtree(gone)
        ended = daemon.wait()
    assert ended.code == exits.FAILED
    assert "1 of 1 assets read back in their safe state" in ended.out
    assert "was removed or replaced under the running daemon" in ended.err
    assert unbroken(tmp_path)
    first, *_, last = audit(tmp_path)
    assert first["why"].startswith("started")
    assert last["why"].startswith("stopped: safe: ")


def test_whoever_has_lost_the_lock_to_another_daemon_touches_nothing_and_ends(
    house: SimulatedCity, tmp_path: Path
) -> None:
    with vpp(tmp_path, arguments(house)) as first:
        until(house.writes, "a write to the battery")
        first.process.send_signal(signal.SIGSTOP)
        (tmp_path / "one-house" / "lock").unlink()
        with vpp(tmp_path, arguments(house)) as second:
            until(lambda: len(set(epochs(tmp_path))) == 2, "the record of the second")
            os.kill(first.process.pid, signal.SIGCONT)
            loser = first.wait()
            assert loser.code == exits.ALREADY_RUNNING, loser.err
            assert f"process {second.process.pid}" in loser.err
            assert second.terminate().code == exits.OK
    assert unbroken(tmp_path)
    assert epochs(tmp_path) == sorted(epochs(tmp_path))
    assert len(set(epochs(tmp_path))) == 2
