"""Entry point ``mqtt``: one broker session per link, any number of devices on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog

from adapters.mqtt.backoff import Backoff
from adapters.mqtt.facts import Promise
from adapters.mqtt.link import MqttLink
from adapters.mqtt.options import OptionsReader
from adapters.mqtt.port import MqttPort
from vpp.domain.ids import AssetId
from vpp.ports.clock import Clocks
from vpp.ports.device import LinkRequest

LEAVING_S = 5.0
"""Wire seconds at most for the farewell to the broker."""
_log = structlog.get_logger(__name__)


def open_link(request: LinkRequest) -> AbstractAsyncContextManager[MqttLink]:
    """Check the options; the broker is dialled when the link is entered, and need not be there.

    Raises:
        ConfigurationError: options or profiles are wrong; every mistake has its path.
    """
    reader = OptionsReader()
    broker = reader.broker(request)
    read = [(device, reader.device(device, request)) for device in request.devices]
    reader.check()
    link = MqttLink(request.link.id, broker, request.wire, Backoff())
    clocks = Clocks(city=request.city, wire=request.wire)
    for device, topics, profile in ((device, *found) for device, found in read if found):
        carried = {AssetId(one.subject) for one in device.carries}
        assets = {asset: request.assets[asset] for asset in carried & request.assets.keys()}
        link.add(
            MqttPort(
                device,
                topics,
                Promise(assets=assets, profile=profile, timeout_s=broker.timeout_s),
                publish=link.publish,
                reconnect=link.reconnect,
                clocks=clocks,
            )
        )
    return _kept(link)


@asynccontextmanager
async def _kept(link: MqttLink) -> AsyncIterator[MqttLink]:
    keeping = asyncio.create_task(link.keep(), name=f"mqtt link {link.id}")

    def tell(ended: asyncio.Task[None]) -> None:
        """A task that fails is a defect of ours: its devices' readers learn of it at once."""
        if not ended.cancelled() and (fault := ended.exception()) is not None:
            _log.error("link failed", link=link.id, exc_info=fault)
            link.close(f"the link has failed: {fault!r}")

    keeping.add_done_callback(tell)
    try:
        yield link
    finally:
        link.close("the link has been left")
        keeping.cancel()
        await asyncio.wait([keeping], timeout=LEAVING_S)
