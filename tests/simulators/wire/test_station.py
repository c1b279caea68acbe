"""The charging station on MQTT, heard and told by an independent client."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiomqtt
import pytest

from simulators.physics.charger import ChargerUnit
from simulators.wire import BrokerAddress, SimulatedCity
from simulators.wire.broker import embedded_broker
from simulators.wire.free_ports import free_base_port
from tests.simulators.wire.cities import house

TOPIC = "vpp/1/house/station"
PATIENCE_S = 30.0


class Controller:
    """Hears everything the station says, sends commands, and waits for what it wants."""

    def __init__(self, client: aiomqtt.Client, sim: SimulatedCity) -> None:
        self._client = client
        self._sim = sim
        self._numbers = itertools.count(1)
        self.heard: dict[str, list[Any]] = {}
        self.retained: dict[str, Any] = {}
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        async for message in self._client.messages:
            suffix = message.topic.value.removeprefix(TOPIC + "/")
            content = json.loads(message.payload)
            async with self._news:
                self.heard.setdefault(suffix, []).append(content)
                if message.retain:
                    self.retained[suffix] = content
                self._news.notify_all()

    async def next(self, suffix: str, **wanted: Any) -> Any:
        """The first message heard on a topic that holds `wanted`."""

        def found() -> Any:
            for content in self.heard.get(suffix, ()):
                if wanted.items() <= content.items():
                    return content
            return None

        async with asyncio.timeout(PATIENCE_S), self._news:
            return await self._news.wait_for(found)

    def command(self, **changes: Any) -> dict[str, Any]:
        number = next(self._numbers)
        return {
            "id": f"c{number}", "ts": self._sim.clock.now.isoformat(), "valid_s": 60, "epoch": 3,
            "seq": number, "asset": "cp1", "form": "ceiling", "power_kw": 6.0, "reason": "test",
        } | changes  # fmt: skip

    async def send(self, *, retain: bool = False, **changes: Any) -> Any:
        """Send a command and wait for its acknowledgement."""
        command = self.command(**changes)
        await self._client.publish(f"{TOPIC}/cmd", json.dumps(command), qos=1, retain=retain)
        return await self.next("ack", id=command["id"])


@asynccontextmanager
async def controller(sim: SimulatedCity) -> AsyncIterator[Controller]:
    address = sim.stations["station"].broker
    async with aiomqtt.Client(address.host, address.port) as client:
        await client.subscribe(f"{TOPIC}/#", qos=1)
        told = Controller(client, sim)
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(told.listen())
            yield told
            listening.cancel()


def stamp(sim: SimulatedCity) -> str:
    """The city's time as a message tells it."""
    now = sim.clock.now.astimezone(UTC).isoformat(timespec="milliseconds")
    return now.replace("+00:00", "Z")


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCity]:
    async with SimulatedCity(house(), speed=0) as sim:
        yield sim


@pytest.fixture
def charger(sim: SimulatedCity) -> ChargerUnit:
    unit = sim.world.asset["cp1"]
    assert isinstance(unit, ChargerUnit)
    return unit


async def wait_for_car(sim: SimulatedCity, charger: ChargerUnit) -> None:
    """Until one is there that still wants at least 2 kWh and stays."""
    for _ in range(600):
        car = charger.session
        if car and car.missing_wh > 2_000 and car.departure > sim.clock.now + timedelta(minutes=15):
            return
        await sim.advance(120)
    raise AssertionError("no car came")


async def test_meta_and_status_are_retained(sim: SimulatedCity) -> None:
    async with controller(sim) as told:
        meta, status = await told.next("meta"), await told.next("status")
        assert told.retained["meta"]["serial"] == "DL-1"
        assert meta["schema"] == 1
        assert meta["assets"]["cp1"]["kind"] == "ev_charger"
        assert meta["assets"]["cp1"]["allowed"] == [[0.0, 0.0], [4.1, 11.0]]
        assert meta["assets"]["cp1"]["phases"] == 3
        assert (status["online"], status["boot"]) == (True, 1)
        assert "status" in told.retained


async def test_telemetry_counts_and_speaks_kilowatts_into_the_car(
    sim: SimulatedCity, charger: ChargerUnit
) -> None:
    await wait_for_car(sim, charger)
    async with controller(sim) as told:
        await told.send(power_kw=7.0)
        await sim.advance(20)
        last = (await told.next("telemetry", ts=stamp(sim)))["seq"]
        await sim.advance(5)
        telemetry = await told.next("telemetry", ts=stamp(sim))
        assert telemetry["seq"] == last + 1
        car = charger.session
        assert car is not None
        assert telemetry["assets"]["cp1"]["power_kw"] == pytest.approx(charger.power_w / 1000)
        assert telemetry["assets"]["cp1"]["energy_in_kwh"] == pytest.approx(charger.energy_wh / 1e3)
        assert 0 < charger.power_w <= min(7_000, car.max_w)
        assert "telemetry" not in told.retained


async def test_the_session_is_retained_and_says_what_it_knows(
    sim: SimulatedCity, charger: ChargerUnit
) -> None:
    await wait_for_car(sim, charger)
    car = charger.session
    assert car is not None
    async with controller(sim) as told:
        await sim.advance(61)
        session = await told.next("session", ts=stamp(sim))
        said = session["assets"]["cp1"]
        assert "session" in told.retained
        assert said["id"] == car.id
        assert said["plugged"] is True
        assert said["need_kwh"] == pytest.approx(car.need_wh / 1000)
        assert abs(datetime.fromisoformat(said["departure"]) - car.departure) < timedelta(seconds=1)
        assert said["provenance"]["need_kwh"] == "driver"


async def test_a_car_that_announces_nothing_has_no_need_and_no_departure() -> None:
    silent = {"cp1": {"sessions_per_day": 8, "announces_departure": 0, "announces_need": 0}}
    async with SimulatedCity(house(chargers=silent), speed=0) as sim:
        charger = sim.world.asset["cp1"]
        assert isinstance(charger, ChargerUnit)
        await wait_for_car(sim, charger)
        said = sim.stations["station"].station.sessions()["cp1"]
    assert (said["need_kwh"], said["departure"]) == (None, None)
    assert said["provenance"]["departure"] is None


async def test_a_ceiling_is_applied_and_dies_after_valid_s(
    sim: SimulatedCity, charger: ChargerUnit
) -> None:
    await wait_for_car(sim, charger)
    async with controller(sim) as told:
        answer = await told.send(power_kw=6.0, valid_s=60)
        assert (answer["state"], answer["power_kw"]) == ("applied", 6.0)
        await sim.advance(30)
        assert charger.offer_w == 6_000
        await sim.advance(31)
        assert charger.offer_w == 4_100


async def test_the_validity_counts_from_receipt(sim: SimulatedCity, charger: ChargerUnit) -> None:
    async with controller(sim) as told:
        issued = sim.clock.now.isoformat()
        await sim.advance(50)
        assert (await told.send(ts=issued, valid_s=60))["state"] == "applied"
        await sim.advance(59)
        assert charger.offer_w == 6_000
        await sim.advance(2)
        assert charger.offer_w == 4_100


@pytest.mark.parametrize(
    ("changes", "offered_w"),
    [
        ({"form": "target", "power_kw": 5.0}, 5_000),
        ({"form": "window", "lo_kw": 0, "hi_kw": 8.0}, 8_000),
        ({"form": "stop"}, 0),
        ({"form": "release"}, 4_100),
        ({"form": "ceiling", "power_kw": 99}, 11_000),
    ],
)
async def test_forms(
    sim: SimulatedCity, charger: ChargerUnit, changes: dict[str, Any], offered_w: float
) -> None:
    async with controller(sim) as told:
        answer = await told.send(**changes)
    assert answer == {
        "id": "c1", "state": "applied", "power_kw": offered_w / 1000, "reason": "", "seq": 1,
    }  # fmt: skip
    assert charger.offer_w == offered_w


async def test_below_the_floor_nothing_is_offered_and_the_answer_says_so(
    sim: SimulatedCity, charger: ChargerUnit
) -> None:
    await wait_for_car(sim, charger)
    async with controller(sim) as told:
        assert (await told.send(power_kw=3.0))["power_kw"] == 0.0
    await sim.advance(30)
    assert charger.power_w == 0


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"ts": "2026-07-15T10:58:00+09:00"}, "expired"),
        ({"ts": "2026-07-15T11:00:00"}, "rejected"),
        ({"ts": None}, "rejected"),
        ({"valid_s": 0}, "rejected"),
        ({"valid_s": "60"}, "rejected"),
        ({"power_kw": -1}, "rejected"),
        ({"power_kw": float("nan")}, "rejected"),
        ({"power_kw": None}, "rejected"),
        ({"asset": "cp9"}, "rejected"),
        ({"form": "wish"}, "rejected"),
        ({"epoch": None}, "rejected"),
        ({"epoch": [1], "asset": {}}, "rejected"),
    ],
)
async def test_what_the_station_refuses(
    sim: SimulatedCity, charger: ChargerUnit, changes: dict[str, Any], state: str
) -> None:
    async with controller(sim) as told:
        answer = await told.send(**changes)
    assert answer["state"] == state
    assert answer["reason"]
    assert charger.offer_w == 4_100
    assert [write.accepted for write in sim.write_log] == [False]


async def test_older_epochs_and_older_numbers_are_refused(
    sim: SimulatedCity, charger: ChargerUnit
) -> None:
    async with controller(sim) as told:
        assert (await told.send(epoch=3, seq=10))["state"] == "applied"
        assert (await told.send(epoch=3, seq=9))["state"] == "rejected"
        assert (await told.send(epoch=4, seq=1))["state"] == "applied"
        assert (await told.send(epoch=3, seq=99))["state"] == "rejected"
        await sim.faults.inject("station", "reboot")
        await told.next("status", online=True, boot=2)
        assert (await told.send(epoch=3, seq=100))["state"] == "rejected"


async def test_the_same_command_twice_is_answered_twice_and_done_once(
    sim: SimulatedCity, charger: ChargerUnit
) -> None:
    async with controller(sim) as told:
        first = await told.send(id="same", seq=5)
        told.heard["ack"].clear()
        await sim.advance(30)
        assert await told.send(id="same", seq=5) == first
    assert charger.reversion_left_s == 30
    assert len(sim.write_log) == 1


async def test_a_refresh_has_its_command_s_id_and_a_later_number_and_prolongs_it(
    sim: SimulatedCity, charger: ChargerUnit
) -> None:
    async with controller(sim) as told:
        await told.send(id="held", seq=5, valid_s=60)
        await sim.advance(50)
        told.heard["ack"].clear()
        assert (await told.send(id="held", seq=6, valid_s=60))["seq"] == 6
    assert charger.reversion_left_s == 60


async def test_a_retained_command_is_never_obeyed(sim: SimulatedCity, charger: ChargerUnit) -> None:
    async with controller(sim) as told:
        await sim.faults.inject("station", "drop")
        await told.next("status", online=False)
        sending = asyncio.create_task(told.send(retain=True))
        await told.next("cmd")  # the broker has it
        await sim.faults.clear()
        answer = await sending
    assert (answer["state"], answer["reason"]) == ("rejected", "retained")
    assert charger.offer_w == 4_100


async def test_a_drop_leaves_the_will_with_its_boot_number(sim: SimulatedCity) -> None:
    async with controller(sim) as told:
        await told.next("status", online=True)
        await sim.faults.inject("station", "drop", for_s=60)
        assert await told.next("status", online=False) == {"online": False, "boot": 1}
        told.heard["status"].clear()
        await sim.advance(61)
        assert (await told.next("status", online=True))["boot"] == 1


async def test_a_reboot_loses_the_command_and_counts_up(
    sim: SimulatedCity, charger: ChargerUnit
) -> None:
    async with controller(sim) as told:
        await told.send(power_kw=6.0)
        await sim.faults.inject("station", "reboot")
        await told.next("status", online=False, boot=1)
        await told.next("status", online=True, boot=2)
    assert charger.offer_w == 4_100


async def test_ack_and_ignore(sim: SimulatedCity, charger: ChargerUnit) -> None:
    await sim.faults.inject("station", "ack_and_ignore")
    async with controller(sim) as told:
        assert (await told.send(power_kw=6.0))["state"] == "applied"
    assert charger.offer_w == 4_100


async def test_frozen_missing_and_turned_values(sim: SimulatedCity, charger: ChargerUnit) -> None:
    await wait_for_car(sim, charger)
    station = sim.stations["station"].station
    frozen = await sim.faults.inject("station", "frozen")
    before = station.telemetry()
    await sim.advance(120)
    after = station.telemetry()
    assert after["assets"] == before["assets"]
    assert after["ts"] != before["ts"]
    await sim.faults.clear("station")
    assert frozen not in sim.faults.active
    assert station.telemetry()["assets"] != before["assets"]
    await sim.faults.inject("station", "sign_flip")
    assert station.telemetry()["assets"]["cp1"]["power_kw"] == -charger.power_w / 1000 < 0
    await sim.faults.inject("station", "sentinel", point="power_kw")
    assert "power_kw" not in station.telemetry()["assets"]["cp1"]


async def test_silent_says_nothing_and_stays_connected(sim: SimulatedCity) -> None:
    async with controller(sim) as told:
        await sim.advance(2)
        await told.next("telemetry")
        await sim.faults.inject("station", "silent")
        silent_since = sim.clock.now
        sending = asyncio.create_task(told.send())
        await told.next("cmd")
        await sim.advance(70)  # a session would be told again, too
        await asyncio.sleep(0.2)
        assert "ack" not in told.heard
        said = [one for kind in ("telemetry", "session") for one in told.heard.get(kind, ())]
        assert [one for one in said if datetime.fromisoformat(one["ts"]) > silent_since] == []
        sending.cancel()


async def test_rubbish_is_no_command_and_harms_nothing(sim: SimulatedCity) -> None:
    address = sim.stations["station"].broker
    async with aiomqtt.Client(address.host, address.port) as client:
        for payload in (b"", b"\xff\xfe", b"[1,2]", b'"x"', b"{}", b"[" * 9_000):
            await client.publish(f"{TOPIC}/cmd", payload, qos=1)
    async with controller(sim) as told:
        assert (await told.send())["state"] == "applied"
    assert [write.reason for write in sim.write_log[:-1]] == ["not a command"] * 6


async def test_an_external_broker_that_restarts_is_found_again() -> None:
    address = BrokerAddress("127.0.0.1", free_base_port([0]))
    async with embedded_broker(address):
        sim = SimulatedCity(house(), speed=0, broker=address)
        await sim.__aenter__()
        async with controller(sim) as told:
            await told.next("status", online=True)
    try:
        async with embedded_broker(address), controller(sim) as told:
            assert (await told.next("status", online=True))["boot"] == 1
            assert (await told.send())["state"] == "applied"
    finally:
        await sim.__aexit__(None, None, None)


async def test_the_embedded_broker_listens_on_loopback_alone() -> None:
    with pytest.raises(ValueError, match="loopback"):
        async with embedded_broker(BrokerAddress("0.0.0.0", 1883)):  # noqa: S104 - is refused
            pass
