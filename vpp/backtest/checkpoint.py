"""How far a run has come, on disk: after an interruption it goes on from there, bit for bit."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from vpp.control import state_codec
from vpp.control.state import ControlState
from vpp.domain.arrays import Floats
from vpp.domain.ids import PoolId
from vpp.domain.plan import Plan

EVERY_S = 7 * 86400.0
"""Simulated time from one to the next."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thoughts:
    """Of the planning, from slot to slot."""

    plans: Mapping[PoolId, Plan]
    expected_kw: Floats
    made: int
    refused: list[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """Everything that the slots to come depend on, and what the slots so far have left."""

    slots: int
    """Lived through."""
    now_s: float
    states: list[bytes]
    """The tick's memory of every pool."""
    told_kw: Floats
    """What every battery is told, shape (batteries,)."""
    held_to_kw: Floats
    """What every plant may give, shape (plants,)."""
    offered_kw: Floats
    """What every car may draw, shape (chargers,)."""
    drawn_kw: Floats
    """By the cars that are steered, shape (chargers, slots)."""
    battery_kw: Floats
    """Shape (batteries, slots)."""
    stored_kwh: Floats
    """Shape (batteries, slots + 1)."""
    lost_kw: Floats
    """Shape (sites, slots)."""
    nets_kw: Floats
    """Shape (pools, slots)."""
    thoughts: Thoughts | None
    chosen: Mapping[PoolId, Plan]


class _Kept(msgspec.Struct):
    question: str
    checkpoint: msgspec.Raw


class Keeper:
    """One run's checkpoint in one file; what was kept of another question is not taken up."""

    def __init__(self, file: Path, question: object) -> None:
        """``question``: everything that the run's result depends on."""
        self._file, self._question = file, digest(question)

    def load(self) -> Checkpoint | None:
        """The newest; None without one of this question."""
        try:
            kept = msgspec.msgpack.decode(self._file.read_bytes(), type=_Kept)
            if kept.question != self._question:
                return None
            return msgspec.msgpack.decode(kept.checkpoint, type=Checkpoint, dec_hook=_array)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def save(self, checkpoint: Checkpoint) -> None:
        """Whole or not at all, whenever the process ends."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        raw = msgspec.Raw(msgspec.msgpack.encode(checkpoint, enc_hook=_plain))
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(msgspec.msgpack.encode(_Kept(question=self._question, checkpoint=raw)))
        fresh.replace(self._file)

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)


def encoded(states: list[ControlState]) -> list[bytes]:
    return [state_codec.encode(state) for state in states]


def decoded(states: list[bytes]) -> list[ControlState]:
    return [state_codec.decode(state) for state in states]


def digest(value: object) -> str:
    """The same for equal values in every process."""
    found = hashlib.sha256()
    _feed(found, value)
    return found.hexdigest()


def _feed(found: "hashlib._Hash", value: object) -> None:
    if isinstance(value, np.ndarray):
        found.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
    elif is_dataclass(value):
        found.update(type(value).__name__.encode())
        for field in fields(value):
            _feed(found, getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            _feed(found, key)
            _feed(found, value[key])
    elif isinstance(value, set | frozenset):
        _feed(found, sorted(map(repr, value)))
    elif isinstance(value, list | tuple):
        for one in value:
            _feed(found, one)
    else:
        found.update(repr(value).encode() + b"\0")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    raise NotImplementedError(f"a checkpoint holds no {type(value).__name__}")


def _array(_kind: type, value: Any) -> Any:
    dtype, shape, data = value
    return np.frombuffer(data, dtype=dtype).reshape(shape)
