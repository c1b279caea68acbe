"""The embedded MQTT broker: on loopback alone, anonymous there, no `$SYS` chatter."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where an MQTT broker listens."""

    host: str
    port: int

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
    bind = f"{address.host}:{address.port}"
    broker = Broker(
        BrokerConfig(
            listeners={"default": ListenerConfig(type=ListenerType.TCP, bind=bind)},
            plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        )
    )
    await broker.start()
    try:
        yield
    finally:
        await broker.shutdown()
