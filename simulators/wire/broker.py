"""The embedded MQTT broker: on loopback alone, anonymous there, no `$SYS` chatter."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

log = logging.getLogger(__name__)

PATIENCE_S = 3.0
"""For a broker that waits for clients to leave; after that they are put out."""
PLUGINS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where an MQTT broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "BrokerAddress":
        """From `HOST:PORT`."""
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"a broker is HOST:PORT, found {text!r}")
        return cls(host.strip("[]"), int(port))


@asynccontextmanager
async def embedded_broker(address: BrokerAddress) -> AsyncIterator[None]:
    """A broker at `address`, which must be a loopback address: it asks nobody who he is."""
    if address.host != "localhost" and not ip_address(address.host).is_loopback:
        raise ValueError(f"the embedded broker listens on loopback alone, not on {address.host}")
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.ERROR)
    listener = ListenerConfig(type=ListenerType.EXTERNAL, bind=str(address))
    broker = Broker(BrokerConfig(listeners={"default": listener}, plugins=PLUGINS))
    door = Door(broker)
    server = await asyncio.start_server(door.enter, address.host, address.port, start_serving=False)
    await broker.start()  # once the address is ours: its loops cannot be left half way
    await server.start_serving()
    try:
        yield
    finally:
        server.close()
        ending = asyncio.create_task(broker.shutdown())
        await asyncio.wait({ending}, timeout=PATIENCE_S)
        await door.close()
        await asyncio.wait({ending}, timeout=PATIENCE_S)
        ending.cancel()


class Door:
    """Lets clients in to the broker and sees that every one of their sockets is closed again."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._inside: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's whole visit."""
        task = asyncio.current_task()
        if task is None:
            return
        self._inside[task] = writer
        try:
            await self._broker.external_connected(
                StreamReaderAdapter(reader), StreamWriterAdapter(writer), "default"
            )
        except OSError as error:
            log.debug("a client's connection ended: %s", error)
        finally:
            writer.transport.abort()
            del self._inside[task]

    async def close(self) -> None:
        """End every visit."""
        inside = dict(self._inside)
        for task, writer in inside.items():
            writer.transport.abort()
            task.cancel()
        if inside:
            await asyncio.wait(inside, timeout=PATIENCE_S)
