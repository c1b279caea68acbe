"""When a device is polled: due times on a grid of 10 ms slots, spread by a hash of its id.

One wake-up then serves many sockets, and a thousand devices are never due at once.
"""

import math
import zlib

from vpp.domain.ids import DeviceId

SLOT_S = 0.01
"""Wire seconds."""


def next_due_s(device: DeviceId, now_s: float, period_s: float) -> float:
    """The device's first due time after ``now_s``, wire monotonic; missed ones are gone."""
    slots = max(round(period_s / SLOT_S), 1)
    phase = zlib.crc32(device.encode()) % slots
    now_slot = now_s / SLOT_S
    turn = math.floor((now_slot - phase + 1e-6) / slots) + 1
    return (turn * slots + phase) * SLOT_S
