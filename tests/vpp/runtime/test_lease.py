import fcntl
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vpp.domain.errors import AlreadyRunning, ConfigurationError, VppError
from vpp.runtime.lease import hold, holder

HOLD_UNTIL_TOLD = """
import sys
from pathlib import Path
from vpp.runtime.lease import hold
with hold(Path(sys.argv[1]), portfolio="city"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_every_lease_has_a_higher_epoch(tmp_path: Path) -> None:
    with hold(tmp_path, portfolio="city") as first:
        pass
    with hold(tmp_path, portfolio="city") as second:
        assert second.epoch > first.epoch


def test_after_a_lost_state_directory_the_epoch_is_above_those_used_before(tmp_path: Path) -> None:
    with hold(tmp_path, portfolio="city") as before:
        pass
    time.sleep(1.1)
    (tmp_path / "epoch").unlink()
    with hold(tmp_path, portfolio="city") as after:
        assert after.epoch > before.epoch


def test_a_clock_set_back_does_not_lower_the_epoch(tmp_path: Path) -> None:
    ahead = int(time.time()) + 86_400
    (tmp_path / "epoch").write_text(str(ahead))
    with hold(tmp_path, portfolio="city") as lease:
        assert lease.epoch == ahead + 1


def test_what_cleans_up_old_files_finds_the_directory_locked_as_long_as_it_is_held(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as cleaning:
        with hold(tmp_path, portfolio="city"), pytest.raises(BlockingIOError):
            fcntl.flock(cleaning, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(cleaning, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def opened(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_a_second_daemon_is_told_who_holds_it_and_a_killed_one_holds_nothing(
    tmp_path: Path,
) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD_UNTIL_TOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(AlreadyRunning, match=f"process {other.pid}"),
            hold(tmp_path, portfolio="city"),
        ):
            pass
        assert f"process {other.pid}" in str(holder(tmp_path))
        other.kill()
    assert holder(tmp_path) is None
    before = int((tmp_path / "epoch").read_text())
    with hold(tmp_path, portfolio="city") as lease:
        assert lease.epoch > before


@pytest.mark.parametrize("damaged", [b"", b"17x", b"\xff\xfe\x00", None], ids=repr)
def test_a_damaged_epoch_is_named_with_its_remedy(tmp_path: Path, damaged: bytes | None) -> None:
    if damaged is None:
        (tmp_path / "epoch").mkdir()
    else:
        (tmp_path / "epoch").write_bytes(damaged)
    with (
        pytest.raises(ConfigurationError, match=r"epoch.*then remove it"),
        hold(tmp_path, portfolio="city"),
    ):
        pass


def test_a_lock_file_that_was_removed_is_made_anew_while_nobody_else_has_run(
    tmp_path: Path,
) -> None:
    with hold(tmp_path, portfolio="city") as lease:
        (tmp_path / "lock").unlink()
        assert lease.stands()
        assert lease.fault is None
        with pytest.raises(AlreadyRunning, match="process"), hold(tmp_path, portfolio="city"):
            pass
        assert lease.stands()
    assert holder(tmp_path) is None


def test_a_folder_in_the_place_of_the_lock_makes_way(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    assert holder(tmp_path) is None
    with hold(tmp_path, portfolio="city") as lease:
        (tmp_path / "lock").unlink()
        (tmp_path / "lock").mkdir()
        assert lease.stands(), "taken again, and not left in doubt for ever"
        assert lease.fault is None
        with pytest.raises(AlreadyRunning, match="process"), hold(tmp_path, portfolio="city"):
            pass
    assert len(list(tmp_path.glob("lock.damaged-*"))) == 2


def test_a_lock_that_cannot_be_opened_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "lock")
    told = r"the lock .* cannot be taken: .*/lock.*move away what stands in its place"
    with pytest.raises(VppError, match=told), hold(tmp_path, portfolio="city"):
        pass


def test_a_state_directory_that_is_not_there_is_to_be_made(tmp_path: Path) -> None:
    told = r"^the state directory .*/none does not exist: make it, or name one that does$"
    with pytest.raises(VppError, match=told), hold(tmp_path / "none", portfolio="city"):
        pass


def test_whoever_took_a_lock_that_was_removed_has_it(tmp_path: Path) -> None:
    with hold(tmp_path, portfolio="city") as lease:
        (tmp_path / "lock").unlink()
        with hold(tmp_path, portfolio="city") as second:
            assert not lease.stands()
            assert isinstance(lease.fault, AlreadyRunning)
            assert second.stands()
        assert not lease.stands(), "its time is over for good"


def test_after_another_daemon_has_run_devices_are_made_safe_and_no_more(tmp_path: Path) -> None:
    with hold(tmp_path, portfolio="city") as lease:
        (tmp_path / "lock").unlink()
        with hold(tmp_path, portfolio="city"):
            pass
        assert lease.stands()
        assert "removed or replaced" in str(lease.fault)
        assert not isinstance(lease.fault, AlreadyRunning)


def test_a_state_directory_that_was_removed_is_made_anew_to_end_in_order(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    with hold(directory, portfolio="city") as lease:
        shutil.rmtree(directory)
        assert lease.stands()
        assert "removed or replaced" in str(lease.fault)
        with pytest.raises(AlreadyRunning), hold(directory, portfolio="city"):
            pass
    with hold(directory, portfolio="city") as after:
        assert after.epoch > lease.epoch


def test_a_directory_that_nobody_can_look_into_is_a_matter_of_time(tmp_path: Path) -> None:
    directory, away = tmp_path / "state", tmp_path / "away"
    directory.mkdir()
    with hold(directory, portfolio="city") as lease:
        directory.rename(away)
        directory.write_text("in its way")
        assert not lease.stands()
        assert lease.fault is None
        directory.unlink()
        away.rename(directory)
        assert lease.stands()
        assert lease.fault is None


def test_on_a_full_disk_it_is_said_which_directory_needs_room(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with (
            pytest.raises(VppError, match=f"{tmp_path} cannot be written: .*free space"),
            hold(tmp_path, portfolio="city"),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with hold(tmp_path, portfolio="city") as lease:
        assert lease.stands()
