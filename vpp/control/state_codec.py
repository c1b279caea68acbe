"""The tick's memory as bytes and back, bit for bit."""

from typing import Any

import msgspec
import numpy as np

from vpp.control.state import VERSION, ControlState
from vpp.domain.errors import InvariantError


def encode(state: ControlState) -> bytes:
    """MessagePack; arrays as type, shape and bytes."""
    return msgspec.msgpack.encode(state, enc_hook=_plain)


def decode(data: bytes) -> ControlState:
    """The state that was encoded.

    Raises:
        InvariantError: the bytes are not a state of this version; the daemon then starts afresh,
            reading every device back.
    """
    try:
        version = msgspec.msgpack.decode(data, type=_Versioned).version
        if version != VERSION:
            raise InvariantError(f"control state has version {version}, expected {VERSION}")
        return msgspec.msgpack.decode(data, type=ControlState, dec_hook=_array)
    except msgspec.DecodeError as cause:
        raise InvariantError(f"control state cannot be read: {cause}") from cause


class _Versioned(msgspec.Struct):
    version: int


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    raise NotImplementedError(f"a control state holds no {type(value).__name__}")


def _array(_kind: type, value: Any) -> Any:
    dtype, shape, data = value
    return np.frombuffer(data, dtype=dtype).reshape(shape)
