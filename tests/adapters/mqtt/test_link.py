"""The adapter and a scripted station through the embedded broker, over real sockets."""

import asyncio
import math
from datetime import UTC, datetime

import pytest

from adapters.mqtt.backoff import LONGEST_S, Backoff
from adapters.mqtt.client import Broker
from adapters.mqtt.factory import open_link
from adapters.mqtt.link import MqttLink
from adapters.mqtt.port import MqttPort
from tests.adapters.mqtt.brokers import embedded, free_port
from tests.adapters.mqtt.cities import CP1, CP2, HUB, command, request, station_device
from tests.adapters.mqtt.stations import META, Station, now_text, running
from tests.adapters.mqtt.waiting import collecting, until
from vpp.domain.capability import AllowedSet
from vpp.domain.errors import ConnectionLost, WrongDevice
from vpp.domain.ids import AssetId, DeviceId, LinkId
from vpp.domain.points import Point, Quantity
from vpp.domain.quality import Quality
from vpp.domain.session import Provenance
from vpp.ports.device import Polled, Reconnecting, Streaming, Writable
from vpp.runtime.clocks import CityClock, WireClock

CITY = CityClock(WireClock())


def test_a_port_streams_and_is_written_and_is_not_polled(port: MqttPort) -> None:
    assert isinstance(port, Streaming)
    assert isinstance(port, Writable)
    assert isinstance(port, Reconnecting)
    assert not isinstance(port, Polled)


async def test_before_a_device_has_called_in_it_is_not_there(link: MqttLink) -> None:
    port = link.port(HUB)
    with pytest.raises(ConnectionLost, match="hub-1"):
        await port.identify()
    with pytest.raises(ConnectionLost, match="not sent"):
        await port.send(command(CITY))
    assert not port.connected
    assert port.facts.capabilities[CP1].allowed == AllowedSet.off_or_between(4.1, 11.0)


async def test_a_device_that_calls_in_says_who_it_is(station: Station, port: MqttPort) -> None:
    identity = await port.identify()
    assert (identity.maker, identity.model) == ("Dulle", "CP-2")
    assert (identity.serial, identity.version) == ("DL-101", "2.1")


async def test_what_the_device_allows_makes_the_rating_narrower(
    station: Station, port: MqttPort
) -> None:
    received = port.counters.received
    await station.say(
        "meta", META | {"assets": {"cp1": {"allowed": [[0, 0], [6, 22]]}, "cp2": {}}}, retain=True
    )
    await until(lambda: port.counters.received > received)
    await port.identify()
    assert port.facts.capabilities[CP1].allowed == AllowedSet.off_or_between(6.0, 11.0)
    assert port.facts.capabilities[CP2].allowed == AllowedSet.off_or_between(4.1, 11.0)


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        (META | {"schema": 2}, "schema 2"),
        (META | {"assets": {"cp1": {}}}, "does not carry cp2"),
        (META | {"assets": {"cp1": {"allowed": [[20, 30]]}, "cp2": {}}}, "allows nothing"),
    ],
)
async def test_a_device_that_is_something_else_is_the_wrong_one(
    station: Station, port: MqttPort, meta: dict[str, object], problem: str
) -> None:
    received = port.counters.received
    await station.say("meta", meta, retain=True)
    await until(lambda: port.counters.received > received)
    with pytest.raises(WrongDevice, match=problem):
        await port.identify()


async def test_telemetry_becomes_a_batch_in_house_units(station: Station, port: MqttPort) -> None:
    async with collecting(port) as batches:
        told = {"power_kw": 7.2, "energy_in_kwh": 120.5, "quality": {"energy_in_kwh": "suspect"}}
        await station.telemetry(assets={"cp1": told})
        await until(lambda: len(batches) == 1)
    (batch,) = batches
    read = dict(zip(batch.points, zip(batch.values, batch.quality, strict=True), strict=True))
    assert read[Point(subject=CP1, quantity=Quantity.POWER_KW)] == (7.2, Quality.GOOD)
    assert read[Point(subject=CP1, quantity=Quantity.ENERGY_IN_KWH)] == (120.5, Quality.SUSPECT)
    value, quality = read[Point(subject=CP1, quantity=Quantity.ENERGY_OUT_KWH)]
    assert math.isnan(value)
    assert quality == Quality.MISSING
    assert {point.subject for point in batch.points} == {CP1}
    assert 0 <= batch.arrived_s - batch.measured_s < 5


async def test_batches_of_one_shape_share_their_points(station: Station, port: MqttPort) -> None:
    async with collecting(port) as batches:
        for power_kw in (1.0, 2.0, 3.0):
            await station.telemetry(power_kw)
        await until(lambda: len(batches) == 3)
    assert len({id(batch.points) for batch in batches}) == 1


async def test_a_session_tells_what_is_known_and_by_whom(station: Station, port: MqttPort) -> None:
    said = {
        "id": "s-1", "plugged": True, "arrival": "2026-07-15T09:00:00+09:00", "departure": None,
        "need_kwh": 12.5, "min_kw": 4.1, "max_kw": 11, "phases": 3,
        "provenance": {"need_kwh": "driver", "arrival": "station", "departure": None},
    }  # fmt: skip
    async with collecting(port) as batches:
        await station.say(
            "session",
            {"ts": now_text(), "assets": {"cp1": said, "cp2": {"plugged": False}}},
            retain=True,
        )
        await until(lambda: len(batches) == 1)
    session = batches[0].sessions[CP1]
    assert session is not None
    assert session.arrival == datetime(2026, 7, 15, 0, 0, tzinfo=UTC)
    assert session.departure is None
    assert session.need_kwh == 12.5
    assert (session.min_kw, session.max_kw) == (4.1, 11.0)
    assert session.provenance == {"need_kwh": Provenance.DRIVER, "arrival": Provenance.STATION}
    assert batches[0].sessions[CP2] is None


async def test_a_retained_session_is_there_for_a_daemon_that_comes_later(broker: int) -> None:
    async with running(Station(broker)) as station:
        car = {"id": "s", "plugged": True, "arrival": now_text()}
        await station.say("session", {"ts": now_text(), "assets": {"cp1": car}}, retain=True)
        async with (
            open_link(request(broker, city=CITY)) as link,
            collecting(link.port(HUB)) as batches,
        ):
            await until(lambda: bool(batches))
    assert batches[0].sessions[CP1] is not None


async def test_a_device_that_vanishes_is_gone_by_its_will_and_comes_back(
    station: Station, port: MqttPort
) -> None:
    station.boot = 2
    await station.vanish()
    await until(lambda: not port.connected)
    await until(lambda: port.connected)


async def test_the_will_of_an_earlier_life_changes_nothing(
    station: Station, port: MqttPort
) -> None:
    await station.status(boot=5)
    await until(lambda: port.counters.restarts == 1)
    await station.status(online=False, boot=4)
    await until(lambda: port.counters.old_wills == 1)
    await until(lambda: port.connected)


async def test_nothing_is_sent_to_a_device_that_is_gone(station: Station, port: MqttPort) -> None:
    await station.status(online=False)
    await until(lambda: not port.connected)
    with pytest.raises(ConnectionLost, match="not sent"):
        await port.send(command(CITY))
    assert station.received == []


async def test_retained_telemetry_is_old_and_dropped(broker: int) -> None:
    async with running(Station(broker)) as station:
        said = {"ts": now_text(), "seq": 1, "assets": {"cp1": {"power_kw": 9}}}
        await station.say("telemetry", said, retain=True)
        async with (
            open_link(request(broker, city=CITY)) as link,
            collecting(link.port(HUB)) as batches,
        ):
            port = link.port(HUB)
            await until(lambda: port.counters.retained == 1)
            await station.telemetry(3.0)
            await until(lambda: bool(batches))
    assert batches[0].values[0] == 3.0


async def test_a_description_that_is_taken_away_holds_for_this_life_of_the_device(
    station: Station, port: MqttPort
) -> None:
    await port.identify()
    received = port.counters.received
    await station.say("meta", b"", retain=True)
    await until(lambda: port.counters.received > received)
    assert (await port.identify()).serial == "DL-101"
    received = port.counters.received
    await station.say("status", {"online": True, "boot": 99, "ts": now_text()}, retain=True)
    await until(lambda: port.counters.received > received)
    with pytest.raises(ConnectionLost, match="nothing is retained"):
        await port.identify()
    await station.say("meta", META, retain=True)
    assert (await port.identify()).serial == "DL-101"


async def test_two_devices_on_one_link_do_not_hear_each_other(broker: int) -> None:
    other, asset = DeviceId("hub-2"), AssetId("cp9")
    devices = station_device(), station_device(other, (asset,))
    async with (
        open_link(request(broker, *devices, city=CITY)) as link,
        running(Station(broker)) as one,
        running(Station(broker, device="hub-2")) as two,
        collecting(link.port(HUB)) as of_one,
        collecting(link.port(other)) as of_two,
    ):
        two.meta = META | {"assets": {"cp9": {}}}
        await two.say("meta", two.meta, retain=True)
        await until(lambda: link.port(HUB).connected and link.port(other).connected)
        await one.telemetry(1.0)
        await two.telemetry(assets={"cp9": {"power_kw": 2.0}})
        await until(lambda: bool(of_one) and bool(of_two))
        await link.port(other).send(command(CITY, asset=asset))
    assert {point.subject for point in of_one[0].points} == {CP1}
    assert {point.subject for point in of_two[0].points} == {asset}
    assert one.received == []
    assert len(two.received) == 1


async def test_malformed_input_harms_nothing_that_follows(station: Station, port: MqttPort) -> None:
    async with collecting(port) as batches:
        await station.say("telemetry", b'{"ts": "yesterday"}')
        await station.say("telemetry", b"[" * 50_000)
        await station.say("telemetry", b" " * 70_000)
        await station.telemetry(6.0)
        await until(lambda: bool(batches))
    assert port.counters.malformed == 2
    assert port.counters.oversized == 1
    assert batches[0].values[0] == 6.0


async def test_a_broker_that_is_not_there_does_not_keep_a_link_from_opening() -> None:
    async with open_link(request(free_port(), city=CITY)) as link:
        await until(lambda: link.counters.failures >= 2)
        with pytest.raises(ConnectionLost, match="no connection to the broker"):
            await link.port(HUB).identify()


async def test_a_broker_that_is_back_is_dialled_at_once_when_the_daemon_leaves() -> None:
    backoff, port = Backoff(draw=lambda: 1.0), free_port()
    while backoff.next_s() < LONGEST_S:
        pass
    broker = Broker(host="127.0.0.1", port=port, client_id="leaving")
    link = MqttLink(LinkId("stations"), broker, WireClock(), backoff)
    keeping = asyncio.create_task(link.keep())
    try:
        await until(lambda: link.counters.failures == 1)
        async with embedded(port):
            link.reconnect()
            await until(lambda: link.counters.connections == 1, within_s=LONGEST_S / 2)
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


async def test_leaving_while_the_broker_says_nothing_takes_bounded_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(30):
            async with open_link(request(port, city=CITY)):
                await asyncio.sleep(0.3)


async def test_leaving_a_link_ends_whatever_it_began(broker: int) -> None:
    async with running(Station(broker)):
        async with open_link(request(broker, city=CITY)) as link:
            port = link.port(HUB)
            await until(lambda: port.connected)
            waiting = asyncio.ensure_future(anext(port.batches()))
            await asyncio.sleep(0)
        with pytest.raises(ConnectionLost, match="left"):
            await waiting
        with pytest.raises(ConnectionLost, match="not sent"):
            await port.send(command(CITY))
        mine = [str(task.get_coro()) for task in asyncio.all_tasks()]
        assert [name for name in mine if "MqttLink" in name or "MqttPort" in name] == []


async def test_a_reader_that_comes_late_begins_with_what_is_new(
    station: Station, port: MqttPort
) -> None:
    received = port.counters.received
    await station.telemetry(1.0)
    await station.say("session", {"ts": now_text(), "assets": {"cp1": {"plugged": False}}})
    await until(lambda: port.counters.received == received + 2)
    async with collecting(port) as batches:
        await until(lambda: len(batches) == 1)
        await station.telemetry(2.0)
        await until(lambda: len(batches) == 2)
    assert batches[0].sessions == {CP1: None}
    assert batches[1].values[0] == 2.0
