"""The embedded broker, a link to it, and a scripted station that has called in."""

from collections.abc import AsyncIterator

import pytest

from adapters.mqtt.factory import open_link
from adapters.mqtt.link import MqttLink
from adapters.mqtt.port import MqttPort
from tests.adapters.mqtt.brokers import embedded, free_port
from tests.adapters.mqtt.cities import HUB, request
from tests.adapters.mqtt.stations import Station, running
from tests.adapters.mqtt.waiting import until
from vpp.runtime.clocks import CityClock, WireClock

CITY = CityClock(WireClock())


@pytest.fixture
async def broker() -> AsyncIterator[int]:
    async with embedded(free_port()) as port:
        yield port


@pytest.fixture
async def link(broker: int) -> AsyncIterator[MqttLink]:
    async with open_link(request(broker, city=CITY)) as link:
        yield link


@pytest.fixture
def port(link: MqttLink) -> MqttPort:
    return link.port(HUB)


@pytest.fixture
async def station(broker: int, port: MqttPort) -> AsyncIterator[Station]:
    async with running(Station(broker)) as station:
        await until(lambda: port.connected)
        yield station
