"""One battery under the loop, and a tick that holds it at a power."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.vpp.control.living.fakes import FakeBattery, LoopClock
from tests.vpp.control.living.rooms import Decide, Rig, rig
from tests.vpp.control.living.small_city import (
    battery,
    battery_device,
    battery_facts,
    city_of,
    decide,
)
from vpp.control.control_room import OnExit
from vpp.control.inputs import Decision, TickInputs
from vpp.domain.command import WriteClass
from vpp.domain.ids import AssetId, DeviceId

D1 = DeviceId("d1")


def now() -> float:
    return asyncio.get_running_loop().time()


def room(tmp_path: Path, port: FakeBattery | None = None, decide: Decide = lambda _: ()) -> Rig:
    port = port or FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts())
    made = rig(city_of([battery()], [battery_device()]), {"d1": port}, tmp_path, decide=decide)
    made.room.on_exit = OnExit.RELEASE
    return made


def holding(power_kw: float, refresh_s: float = 10.0) -> Decide:
    """Commands a power once the device may be written, and refreshes it from then on."""
    last: list[float] = []

    def decided(inputs: TickInputs) -> Sequence[Decision]:
        if not inputs.snapshot.devices[D1].read_back:
            return ()
        if last and now() - last[-1] < refresh_s:
            return ()
        write_class = WriteClass.REFRESH if last else WriteClass.COMMAND
        last.append(now())
        return [decide(power_kw, now_s=now(), write_class=write_class)]

    return decided
