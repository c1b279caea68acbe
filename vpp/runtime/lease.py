"""One daemon per portfolio and host: an exclusive lock, and an epoch that only ever rises."""

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from vpp.control import durable
from vpp.domain.errors import AlreadyRunning, ConfigurationError, Mistake, VppError
from vpp.runtime.damage import make_way, remedy

LOCK, EPOCH = "lock", "epoch"
"""In a daemon's state directory."""
_log = structlog.get_logger(__name__)


class Lease:
    """Held from entering to leaving ``hold``; the operating system ends it with the process."""

    def __init__(self, directory: Path, lock: int, portfolio: str) -> None:
        self._directory, self._lock, self._portfolio = directory, lock, portfolio
        self._asking = threading.Lock()
        self.epoch = max(_last_epoch(directory / EPOCH) + 1, int(time.time()))
        """Higher than any epoch a daemon of this portfolio has used on this host.

        Never below the seconds since 1970, so that devices which remember an epoch obey again after
        the state directory was lost, or the portfolio was given another id or host.
        """
        self.fault: VppError | None = None
        """Why the daemon must end; with ``AlreadyRunning`` it must not write any more."""
        durable.put(directory / EPOCH, str(self.epoch))
        self._sign()

    def stands(self) -> bool:
        """Whether a second daemon would be turned away; cheap, of any thread.

        A lock file that was removed is made anew. That is enough while the epoch on disk is still
        ours: nobody else has run meanwhile. Else there is a fault, and what is left is to make the
        devices safe, or nothing if another daemon has them.
        """
        with self._asking:
            if isinstance(self.fault, AlreadyRunning):
                return False
            return _is_at(self._lock, self._directory / LOCK) or self._retaken()

    def end(self) -> None:
        with suppress(OSError):
            os.ftruncate(self._lock, 0)
        os.close(self._lock)

    def _retaken(self) -> bool:
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = _locked(self._directory / LOCK)
        except BlockingIOError:
            self.fault = _taken(self._directory, self._portfolio)
            return False
        except OSError:  # nobody can say now; it is asked again
            return False
        os.close(self._lock)
        self._lock = lock
        self._sign()
        _log.warning("the lock file was gone and is made anew", directory=str(self._directory))
        if not self._undisturbed():
            self.fault = VppError(
                f"{self._directory} was removed or replaced under the running daemon:"
                " see to it, and start again"
            )
        return True

    def _undisturbed(self) -> bool:
        """Whether the newest epoch is still ours; where there is none, it is put there again."""
        path = self._directory / EPOCH
        with suppress(ConfigurationError, OSError):
            last = _last_epoch(path)
            if last < self.epoch:
                durable.put(path, str(self.epoch))
            return last == self.epoch
        return False

    def _sign(self) -> None:
        """It names us to others, which on a full disk they go without."""
        signature = {
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "epoch": self.epoch,
        }
        with suppress(OSError):
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, json.dumps(signature).encode(), 0)


@contextmanager
def hold(directory: Path, *, portfolio: str) -> Iterator[Lease]:
    """Take the portfolio's lock and the next epoch, on disk before anything is written to a device.

    The directory itself is locked, too, shared: what cleans up old temporary files leaves it alone.

    Raises:
        AlreadyRunning: another process holds the lock; the message names it.
        ConfigurationError: the last epoch cannot be read.
        VppError: there is no such directory, the lock cannot be opened, or the next epoch not be
            written.
    """
    try:
        lock = _locked(directory / LOCK)
    except BlockingIOError as error:
        raise _taken(directory, portfolio) from error
    except FileNotFoundError as error:
        raise VppError(
            f"the state directory {directory} does not exist: make it, or name one that does"
        ) from error
    except OSError as error:
        cure = remedy(error) or "remove it if no daemon runs"
        raise VppError(f"the lock of the portfolio cannot be taken: {error}; {cure}") from error
    with _kept(directory):
        try:
            lease = Lease(directory, lock, portfolio)
        except BaseException as error:
            os.close(lock)
            if isinstance(error, OSError):
                cure = remedy(error) or "repair the disk"
                raise VppError(
                    f"{directory} cannot be written: {error}; {cure}, and start again"
                ) from error
            raise
        try:
            yield lease
        finally:
            lease.end()


def _locked(path: Path) -> int:
    """Nobody holds what is no file: it makes way."""
    make_way(path)
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _taken(directory: Path, portfolio: str) -> AlreadyRunning:
    return AlreadyRunning(
        f"portfolio {portfolio} is run by {holder(directory) or 'another process'}"
    )


def holder(directory: Path) -> str | None:
    """Who holds the lock now, in words; None if nobody does."""
    path = directory / LOCK
    if not path.is_file():
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


def _is_at(lock: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except OSError:
        return False


def _last_epoch(path: Path) -> int:
    try:
        return int(path.read_text()) if path.exists() else 0
    except (ValueError, IsADirectoryError) as error:
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
