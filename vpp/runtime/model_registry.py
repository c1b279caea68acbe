"""What forecasters have learnt, on disk: the newest sound file counts, the last few are kept."""

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog

from vpp.ports.planner import Forecaster, Learning
from vpp.runtime.damage import make_way, set_aside

_log = structlog.get_logger(__name__)
MODELS = "models"
"""Folder within the state directory."""
KEPT = 3
FORMAT = 1
SUFFIX = ".model"


class ModelRegistry:
    """Of one forecaster. Files are numbered; each begins with a line that says what follows."""

    def __init__(self, folder: Path, forecaster: str) -> None:
        self._folder, self._forecaster = folder, forecaster

    def newest(self) -> Iterator[bytes]:
        """What was learnt, from the newest back; a damaged file is set aside on the way."""
        for file in reversed(self._files()):
            model = _sound(file)
            if model is None:
                set_aside(file, "it does not hold what its first line says")
            else:
                yield model

    def add(self, model: bytes, at: datetime) -> Path:
        """Keep it, whole or not at all, whenever the process ends; the oldest beyond three goes.

        Raises:
            OSError: it cannot be written; what was kept before stands.
        """
        make_way(self._folder, Path.is_dir)
        self._folder.mkdir(parents=True, exist_ok=True)
        files = self._files()
        number = 1 + (int(files[-1].stem.rpartition("-")[2]) if files else 0)
        file = self._folder / f"{self._forecaster}-{number:06d}{SUFFIX}"
        heading = {
            "format": FORMAT,
            "forecaster": self._forecaster,
            "made_at": at.isoformat(),
            "sha256": hashlib.sha256(model).hexdigest(),
        }
        fresh = file.with_suffix(".new")
        with fresh.open("wb") as new:
            new.write(json.dumps(heading).encode() + b"\n" + model)
            new.flush()
            os.fsync(new.fileno())
        fresh.replace(file)
        for old in files[: len(files) + 1 - KEPT]:
            old.unlink(missing_ok=True)
        return file

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"{self._forecaster}-??????{SUFFIX}"))


class Memory:
    """A forecaster whose learning outlives its process; any other is left alone."""

    def __init__(self, forecaster: Forecaster, registry: ModelRegistry | None) -> None:
        """The forecaster goes on from the newest that is of use to it."""
        self._learning = forecaster if isinstance(forecaster, Learning) else None
        self._registry = registry
        if self._learning is not None and registry is not None:
            _take_up(self._learning, registry)

    def keep(self) -> None:
        """What was learnt since; a disk that does not take it is reported."""
        if self._learning is None or self._registry is None:
            return
        model = self._learning.learnt()
        if model is None:
            return
        try:
            self._registry.add(model, datetime.now(UTC))
        except OSError as fault:
            _log.warning("what was learnt is not kept", why=str(fault))


def _take_up(learning: Learning, registry: ModelRegistry) -> None:
    for model in registry.newest():
        try:
            learning.take_up(model)
        except ValueError as fault:
            _log.warning("a kept model is of no use", why=str(fault))
        else:
            return
    learning.take_up(None)


def _sound(file: Path) -> bytes | None:
    """What the file holds; None if that is not what it says."""
    try:
        line, _, model = file.read_bytes().partition(b"\n")
        heading = json.loads(line)
        expected = heading["sha256"] if heading["format"] == FORMAT else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return model if hashlib.sha256(model).hexdigest() == expected else None
