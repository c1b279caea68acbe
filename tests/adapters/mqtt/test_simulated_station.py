"""The adapter and the simulators' charging station, which knows nothing of the adapter."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from adapters.mqtt.factory import open_link
from adapters.mqtt.port import MqttPort
from simulators.city import City
from simulators.city_file import parse_city
from simulators.physics.charger import ChargerUnit
from simulators.wire.free_ports import free_base_port
from simulators.wire.simulated_city import SimulatedCity
from tests.adapters.mqtt.cities import CP1, CP2, command, plain, request, station_device
from tests.adapters.mqtt.waiting import collecting, until
from vpp.domain.batch import Batch
from vpp.domain.capability import AllowedSet, Form
from vpp.domain.command import WriteClass
from vpp.domain.device_alarm import DeviceAlarm
from vpp.domain.errors import ConnectionLost, NoAnswer, Refused
from vpp.domain.ids import DeviceId, PortfolioId
from vpp.domain.points import Point, Quantity
from vpp.domain.quality import Quality
from vpp.domain.session import EvSession
from vpp.runtime.clocks import CityClock, WireClock

STATION = DeviceId("station")
TEXT = """
version: 1
portfolio:
  {id: t, name: Test, currency: KRW, time_zone: Asia/Seoul, country: KR, latitude: 35.16,
   longitude: 126.85}
nodes: [{id: north, settles: true, rating_kw: {import: 500, export: 500}}]
sites: [{id: mall, parent: north, name: Mall, rating_kw: {import: 200, export: 200}}]
assets:
  - {id: cp1, site: mall, kind: ev_charger, max_kw: 11, floor_kw: 4.1, phases: three}
  - {id: cp2, site: mall, kind: ev_charger, max_kw: 11, floor_kw: 4.1, phases: three}
links: [{id: stations, adapter: mqtt, host: 127.0.0.1, port_offset: 0}]
devices:
  - {id: station, link: stations, adapter: mqtt, profile: vpp-1, safe: floor,
     identity: {maker: Dulle, model: CP-2, serial: DL-1},
     carries: [{asset: cp1, writes: true}, {asset: cp2, writes: true}], options: {site: mall}}
simulation:
  seed: 11
  start: 2026-07-15T08:00:00+09:00
  chargers:
    cp1: {sessions_per_day: 12, announces_departure: 1, announces_need: 1}
    cp2: {sessions_per_day: 12, announces_departure: 0, announces_need: 0}
"""


@dataclass
class Rig:
    """Both sides of the wire."""

    city: SimulatedCity
    clock: CityClock
    port: MqttPort
    batches: list[Batch]

    def newest(self, quantity: Quantity) -> tuple[float, Quality] | None:
        point = Point(subject=CP1, quantity=quantity)
        for batch in reversed(self.batches):
            if point in batch.points:
                index = batch.points.index(point)
                return float(batch.values[index]), Quality(int(batch.quality[index]))
        return None

    @property
    def unit(self) -> ChargerUnit:
        """The first connector as it really is."""
        unit = self.city.world.asset[CP1]
        assert isinstance(unit, ChargerUnit)
        return unit


def the_city() -> City:
    return parse_city(TEXT, "test.yaml", free_base_port([0]))


@asynccontextmanager
async def rig(speed: float = 60.0) -> AsyncIterator[Rig]:
    city = the_city()
    wire = WireClock()
    async with SimulatedCity(city, speed=speed) as sim:
        clock = CityClock(wire, speed=speed, start=sim.clock.now)
        asked = request(city.links[0].port, station_device(STATION), city=clock)
        async with open_link(asked) as link, collecting(link.port(STATION)) as batches:
            await until(lambda: link.port(STATION).connected)
            yield Rig(sim, clock, link.port(STATION), batches)


async def test_it_says_who_it_is_and_what_it_allows() -> None:
    async with rig() as it:
        identity = await it.port.identify()
    assert (identity.maker, identity.model, identity.serial) == ("Dulle", "CP-2", "DL-1")
    assert it.port.facts.capabilities[CP1].allowed == AllowedSet.off_or_between(4.1, 11.0)


async def test_cars_come_and_go_and_tell_what_they_tell() -> None:
    async with rig(speed=600) as it:
        came: list[EvSession] = []
        async with asyncio.timeout(60):
            while not {CP1, CP2} <= {session.asset for session in came}:
                await asyncio.sleep(0.05)
                came = [s for b in it.batches for s in b.sessions.values() if s is not None]
        telling = next(session for session in came if session.asset == CP1)
        silent = next(session for session in came if session.asset == CP2)
        assert telling.departure is not None
        assert telling.departure > telling.arrival
        assert telling.need_kwh is not None
        assert {"departure", "need_kwh", "phases"} <= telling.provenance.keys()
        assert {session.phases for session in came} <= {1, 3}
        assert silent.departure is None
        assert silent.need_kwh is None
        assert "departure" not in silent.provenance
    assert it.port.counters.malformed == 0


async def test_a_setpoint_acts_and_lapses_to_the_safe_state() -> None:
    async with rig(speed=20) as it:
        assert (await it.port.send(command(it.clock, 8.0, valid_s=400))).echoed
        assert it.unit.offer_w == 8000.0
        await until(lambda: it.newest(Quantity.SETPOINT_KW) == (8.0, Quality.GOOD))
        left_s = it.newest(Quantity.REVERSION_S)
        assert left_s is not None
        assert 0 < left_s[0] <= 400
        it.clock.change_speed(600)
        it.city.clock.speed = 600
        await until(lambda: it.unit.offer_w == 4100.0)
        await until(lambda: math.isnan((it.newest(Quantity.SETPOINT_KW) or (0.0,))[0]))


async def test_a_refresh_prolongs_the_life_of_a_setpoint() -> None:
    async with rig(speed=20) as it:
        await it.port.send(command(it.clock, 8.0, valid_s=400))
        refresh = command(it.clock, 8.0, seq=2, valid_s=900, write_class=WriteClass.REFRESH)
        assert (await it.port.send(refresh)).echoed
        left_s = it.unit.reversion_left_s
        assert left_s is not None
        assert left_s > 450


async def test_stop_and_release() -> None:
    async with rig() as it:
        unit = it.unit
        for seq, (form, offer_w) in enumerate(((Form.STOP, 0.0), (Form.RELEASE, 4100.0)), 1):
            setpoint = plain(form, it.clock.monotonic() + 300)
            await it.port.send(command(it.clock, setpoint=setpoint, command_id=form, seq=seq))
            assert unit.offer_w == offer_w


async def test_an_old_epoch_is_fenced_by_the_device() -> None:
    async with rig() as it:
        await it.port.send(command(it.clock, command_id="new", epoch=5, valid_s=600))
        with pytest.raises(Refused, match="epoch"):
            await it.port.send(command(it.clock, command_id="old", epoch=4, seq=9, valid_s=600))
    assert [write.accepted for write in it.city.write_log] == [True, False]


async def test_a_silent_station_leaves_the_outcome_unknown() -> None:
    async with rig() as it:
        await it.city.faults.inject("station", "silent")
        with pytest.raises(NoAnswer):
            await it.port.send(command(it.clock, valid_s=600))


async def test_a_station_that_drops_out_is_gone_and_comes_back() -> None:
    async with rig() as it:
        await it.city.faults.inject("station", "drop")
        await until(lambda: not it.port.connected)
        with pytest.raises(ConnectionLost, match="not sent"):
            await it.port.send(command(it.clock, valid_s=600))
        await it.city.faults.clear("station")
        await until(lambda: it.port.connected, within_s=15)


async def test_a_rebooted_station_is_heard_again_and_holds_nothing() -> None:
    async with rig() as it:
        await it.port.send(command(it.clock, 8.0, valid_s=900))
        await until(lambda: it.newest(Quantity.SETPOINT_KW) == (8.0, Quality.GOOD))
        heard = len(it.batches)
        await it.city.faults.inject("station", "reboot")
        await until(lambda: it.port.counters.restarts == 1)
        await until(lambda: len(it.batches) > heard + 3)
        setpoint = it.newest(Quantity.SETPOINT_KW)
        assert setpoint is not None
        assert setpoint[0] != 8.0


async def test_an_alarm_stands_from_its_beginning_to_its_end() -> None:
    async with rig() as it:
        assert alarms(it) == ()
        told = DeviceAlarm(id="contactor", severity="critical", text="contactor of cp1 welded")
        await it.city.faults.inject(
            "station", "alarm", alarm=told.id, severity=told.severity, text=told.text
        )
        await until(lambda: alarms(it) == (told,))
        await it.city.faults.inject("station", "alarm", alarm="door", text="open")
        await until(lambda: len(alarms(it)) == 2)
        await it.city.faults.clear("station")
        await until(lambda: alarms(it) == ())


async def test_an_alarm_that_stands_is_told_again_in_the_next_life_of_the_station() -> None:
    async with rig() as it:
        await it.city.faults.inject("station", "alarm", alarm="door")
        await until(lambda: len(alarms(it)) == 1)
        await it.city.faults.inject("station", "reboot")
        await until(lambda: it.port.counters.restarts == 1)
        await until(lambda: [one.id for one in alarms(it)] == ["door"])


async def test_an_alarm_that_ended_while_nobody_was_connected_ends_afterwards() -> None:
    async with rig() as it:
        door = await it.city.faults.inject("station", "alarm", alarm="door", for_s=1200.0)
        await until(lambda: len(alarms(it)) == 1)
        await it.city.faults.inject("station", "drop", for_s=2400.0)
        it.city.clock.speed = 600
        await until(lambda: door not in it.city.faults.active)
        await until(lambda: alarms(it) == (), within_s=15)


async def test_what_stands_is_told_to_a_daemon_that_comes_later() -> None:
    async with rig(speed=600) as it:
        await it.city.faults.inject("station", "alarm", alarm="door")
        await until(lambda: len(alarms(it)) == 1)
        asked = request(it.city.world.city.links[0].port, station_device(STATION), city=it.clock)
        later = replace(asked, portfolio=PortfolioId("later"))
        async with open_link(later) as link, collecting(link.port(STATION)) as batches:
            await until(lambda: any(batch.alarms for batch in batches))


def alarms(it: Rig) -> tuple[DeviceAlarm, ...]:
    """Those that the newest batch with alarms told."""
    return next((b.alarms for b in reversed(it.batches) if b.alarms is not None), ())


async def test_listening_writes_nothing() -> None:
    async with rig() as it:
        await it.port.identify()
        await until(lambda: len(it.batches) > 5)
    assert list(it.city.write_log) == []
