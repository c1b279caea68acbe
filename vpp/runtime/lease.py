"""One daemon per portfolio and host: an exclusive lock, and an epoch that only ever rises."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from vpp.domain.errors import AlreadyRunning, ConfigurationError, Mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Held from entering to leaving ``hold``; the operating system ends it with the process."""

    epoch: int
    """Higher than any epoch a daemon of this portfolio has used on this host.

    Never below the seconds since 1970, so that devices which remember an epoch obey again after
    the state directory was lost, or the portfolio was given another id or host.
    """
    stands: Callable[[], bool]
    """Whether the lock is still the one that a second daemon would find; cheap."""


@contextmanager
def hold(directory: Path, *, portfolio: str) -> Iterator[Lease]:
    """Take the portfolio's lock and the next epoch, on disk before anything is written to a device.

    The directory itself is locked, too, shared: what cleans up old temporary files leaves it alone.

    Raises:
        AlreadyRunning: another process holds the lock; the message names it.
        ConfigurationError: the last epoch cannot be read.
    """
    with (directory / "lock").open("a+") as lock, _kept(directory):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"portfolio {portfolio} is run by {holder(directory) or 'another process'}"
            ) from error
        epoch = _next_epoch(directory / "epoch")
        lock.seek(0)
        lock.truncate()
        json.dump(
            {
                "pid": os.getpid(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
                "epoch": epoch,
            },
            lock,
        )
        lock.flush()
        try:
            yield Lease(
                epoch=epoch, stands=partial(_is_at, os.fstat(lock.fileno()), directory / "lock")
            )
        finally:
            lock.seek(0)
            lock.truncate()


def holder(directory: Path) -> str | None:
    """Who holds the lock now, in words; None if nobody does."""
    path = directory / "lock"
    if not path.exists():
        return None
    with path.open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            said = json.loads(lock.read() or "{}")
            return (
                f"process {said.get('pid', 'unknown')} since {said.get('since', 'an unknown time')}"
            )
    return None


@contextmanager
def _kept(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _is_at(held: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(held, path.stat())
    except OSError:
        return False


def _next_epoch(path: Path) -> int:
    epoch = max(_last_epoch(path) + 1, int(time.time()))
    replacement = path.with_suffix(".new")
    with replacement.open("w") as file:
        file.write(str(epoch))
        file.flush()
        os.fsync(file.fileno())
    replacement.replace(path)
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
    return epoch


def _last_epoch(path: Path) -> int:
    try:
        return int(path.read_text()) if path.exists() else 0
    except ValueError as error:
        raise ConfigurationError(
            [
                Mistake(
                    file=str(path),
                    line=None,
                    path="epoch of the last daemon",
                    problem="is no whole number",
                    remedy="see that this host's clock is right, then remove it",
                )
            ]
        ) from error
