"""A charging station and its broker that go away and come back."""

import asyncio
from contextlib import AsyncExitStack

from simulators.wire import BrokerAddress
from simulators.wire.broker import embedded_broker
from simulators.wire.free_ports import free_base_port
from tests.faults.plant import PORTS, plant
from vpp.domain.ids import AssetId


async def test_a_station_that_is_cut_off_is_one_alarm_and_comes_back() -> None:
    async with plant() as made:
        await made.until(lambda: made.online("station"), "the station")
        began, ticked = len(made.audit.records), len(made.views)
        fault = await made.sim.faults.inject("station", "drop")
        await made.until(lambda: not made.online("station"), "its loss")
        assert not made.decided("station")
        written = len(made.sim.write_log.of("station"))
        await asyncio.sleep(1.0)
        assert len(made.sim.write_log.of("station")) == written
        await made.sim.faults.clear("station")
        assert fault not in made.sim.faults.active
        await made.until(lambda: made.online("station"), "its return")
        assert made.alarms("station", began) == {"OFFLINE": ["raised", "cleared"]}
        assert made.alarms("ess-peer", began) == {}
        assert made.heard_all_along("ess-peer", ticked)


async def test_a_broker_that_restarts_is_one_alarm_and_telemetry_comes_again() -> None:
    address = BrokerAddress("127.0.0.1", free_base_port(range(PORTS)))
    async with AsyncExitStack() as second, AsyncExitStack() as first:
        await first.enter_async_context(embedded_broker(address))
        async with plant(address) as made:
            await made.until(lambda: made.online("station"), "the station")
            began = len(made.audit.records)
            await first.aclose()
            await made.until(lambda: not made.online("station"), "its loss")
            batteries = {asset: made.holds(asset, 2.0) for asset in made.overrides.wishes_kw}
            assert all(batteries.values())
            await second.enter_async_context(embedded_broker(address))
            await made.until(lambda: made.online("station"), "its return")
            back_s = made.views[-1].snapshot.now_s
            await made.until(lambda: made.heard_s("station") > back_s, "telemetry")
            assert made.alarms("station", began) == {"OFFLINE": ["raised", "cleared"]}
            assert AssetId("cp") in made.views[-1].snapshot.sessions
