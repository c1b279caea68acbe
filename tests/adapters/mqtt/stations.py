"""A small station of the tests' own, written after the convention and not after the adapter."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiomqtt

Payload = dict[str, Any]
META: Payload = {
    "maker": "Dulle",
    "model": "CP-2",
    "serial": "DL-101",
    "fw": "2.1",
    "schema": 1,
    "assets": {
        name: {"kind": "ev_charger", "allowed": [[0, 0], [4.1, 11.0]], "phases": 3}
        for name in ("cp1", "cp2")
    },
}


def now_text(at: datetime | None = None) -> str:
    return (at or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Cuttable(aiomqtt.Client):
    def cut(self) -> None:
        sock = self._client.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)


class Station:
    """Obeys commands by the rules, unless told otherwise, and keeps a list of all it received."""

    def __init__(self, port: int, site: str = "mall", device: str = "hub-1") -> None:
        self.root = f"vpp/1/{site}/{device}"
        self.boot = 1
        self.meta: Payload | None = META
        self.received: list[tuple[Payload, bool]] = []
        """Commands, and whether they came retained."""
        self.answer: Callable[[Payload], Payload | None] | None = None
        """Replaces the rules; None is silence."""
        self.connected = asyncio.Event()
        self._port, self._device = port, device
        self._client: _Cuttable | None = None
        self._seq = 0
        self._epoch = 0
        self._taken: dict[str, int] = {}

    async def run(self) -> None:
        """Connect, serve, and connect again until cancelled."""
        while True:
            try:
                with contextlib.suppress(aiomqtt.MqttError):
                    await self._serve()
            finally:
                self.connected.clear()
            await asyncio.sleep(0.1)

    async def _serve(self) -> None:
        will = aiomqtt.Will(
            f"{self.root}/status",
            json.dumps({"online": False, "boot": self.boot}),
            qos=1,
            retain=True,
        )
        async with _Cuttable(
            "127.0.0.1", self._port, identifier=self._device, will=will, timeout=2, keepalive=5
        ) as client:
            self._client = client
            await client.subscribe(f"{self.root}/cmd", qos=1)
            if self.meta is not None:
                await self.say("meta", self.meta, retain=True)
            await self.status()
            self.connected.set()
            async for message in client.messages:
                if message.topic.value != f"{self.root}/cmd":
                    continue  # the embedded broker hands out what others subscribed to
                assert isinstance(message.payload, bytes)
                await self._obey(json.loads(message.payload), retained=message.retain)

    async def status(self, *, online: bool = True, boot: int | None = None) -> None:
        said = {"online": online, "boot": self.boot if boot is None else boot, "ts": now_text()}
        await self.say("status", said, retain=True)

    async def telemetry(self, power_kw: float = 5.0, **more: Any) -> None:
        self._seq += 1
        said = {"ts": now_text(), "seq": self._seq}
        await self.say("telemetry", said | {"assets": {"cp1": {"power_kw": power_kw}}} | more)

    async def say(self, suffix: str, said: Any, *, retain: bool = False) -> None:
        """Publish on one of its topics; bytes go as they are."""
        assert self._client is not None
        payload = said if isinstance(said, bytes) else json.dumps(said)
        await self._client.publish(f"{self.root}/{suffix}", payload, qos=1, retain=retain)

    async def vanish(self) -> None:
        """Break the connection without a farewell."""
        assert self._client is not None
        self.connected.clear()
        self._client.cut()

    async def _obey(self, told: Payload, *, retained: bool) -> None:
        self.received.append((told, retained))
        answer = self.answer(told) if self.answer else self._by_the_rules(told, retained)
        if answer is not None:
            await self.say("ack", {"id": told["id"]} | answer)

    def _by_the_rules(self, told: Payload, retained: bool) -> Payload:
        age_s = (datetime.now(UTC) - datetime.fromisoformat(told["ts"])).total_seconds()
        if retained or age_s > told["valid_s"]:
            return {"state": "expired", "reason": f"{age_s:.1f} s old"}
        if told["epoch"] < self._epoch:
            return {"state": "rejected", "reason": f"epoch {self._epoch} was seen"}
        self._epoch = told["epoch"]
        self._taken[told["id"]] = told["seq"]
        return {"state": "applied", "power_kw": told.get("power_kw")}


@asynccontextmanager
async def running(station: Station) -> AsyncIterator[Station]:
    task = asyncio.create_task(station.run())
    try:
        async with asyncio.timeout(30):
            await station.connected.wait()
        yield station
    finally:
        while not task.done():  # before Python 3.12 the library may lose a cancellation
            task.cancel()
            await asyncio.wait([task], timeout=1)
        if not task.cancelled() and (fault := task.exception()):
            raise fault
