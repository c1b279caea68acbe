"""One device as the adapter hears it, without a broker, and what a device may say."""

import json
from datetime import timedelta
from typing import Any

from adapters.mqtt.client import Incoming
from adapters.mqtt.hearing import Hearing
from tests.adapters.mqtt.cities import CP1, CP2, START, HandClock, charger, station_device
from tests.adapters.mqtt.stations import now_text
from vpp.domain.batch import Batch
from vpp.domain.ids import AssetId, MeterId
from vpp.domain.points import Point, Quantity
from vpp.domain.quality import Quality
from vpp.ports.clock import Clocks

Said = tuple[str, Any]
TELEMETRY = {"ts": now_text(START), "seq": 1, "assets": {"cp1": {"power_kw": 1.0}}}


class Heard:
    """One device and everything that has come of it."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.hearing = Hearing(
            station_device(),
            {asset: charger(asset) for asset in (CP1, CP2)},
            Clocks(city=self.clock, wire=self.clock),
        )
        self.batches: list[Batch] = []

    def say(self, suffix: str, said: Any, *, retained: bool = False) -> None:
        payload = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.hearing.take(suffix, Incoming(f"vpp/1/mall/hub-1/{suffix}", payload, retained))

    async def drain(self) -> list[Batch]:
        inbox = self.hearing.inbox
        while inbox._filled.is_set():  # noqa: SLF001 - what is in it now, without waiting
            self.batches.append(await inbox.take())
        return self.batches

    async def value(
        self, quantity: Quantity, asset: AssetId | MeterId = CP1
    ) -> tuple[float, Quality]:
        """The newest one."""
        point = Point(subject=asset, quantity=quantity)
        batch = next(b for b in reversed(await self.drain()) if point in b.points)
        index = batch.points.index(point)
        return float(batch.values[index]), Quality(int(batch.quality[index]))

    async def state(self) -> tuple[Any, ...]:
        """What it all comes to."""
        await self.drain()
        sessions: dict[AssetId, Any] = {}
        for batch in self.batches:
            sessions.update(batch.sessions)
        power = await self.value(Quantity.POWER_KW)
        presence = self.hearing.presence
        return power, sessions, presence.online, presence.boot


def at(seconds: float) -> str:
    return now_text(START + timedelta(seconds=1000 + seconds))


def telemetry(n: int, **asset: Any) -> Said:
    return "telemetry", {"ts": at(n), "seq": n, "assets": {"cp1": {"power_kw": float(n)} | asset}}


def session(n: int) -> Said:
    car = {"id": f"s-{n}", "plugged": True, "arrival": at(n), "max_kw": 11}
    return "session", {"ts": at(n), "assets": {"cp1": car if n % 2 else {"plugged": False}}}


def online(boot: int) -> Said:
    return "status", {"online": True, "boot": boot, "ts": at(boot)}


def will(boot: int) -> Said:
    return "status", {"online": False, "boot": boot}
