"""Every metric that is declared is set by something: seen at ``/metrics`` of a running loop."""

import asyncio
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from simulators.city_file import read_city
from simulators.wire import SimulatedCity
from simulators.wire.free_ports import free_base_port
from tests.vpp.runtime.test_live_state import free_port
from tests.vpp.web.test_health import get
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.domain.command import WriteClass
from vpp.domain.outcome import Outcome
from vpp.ports.clock import Clocks
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.composition import running
from vpp.runtime.outside import Options
from vpp.web.health import application
from vpp.web.server import serving

pytestmark = pytest.mark.timeout(400)  # two patient waits, on a busy machine
MORNING = datetime(2026, 7, 14, 22, 0, tzinfo=UTC)
PATIENCE_S = 120.0
PORTS = 25
SPEED = 60.0
NOT_IN_THIS_HOUSE = {
    "vpp_asset_shadow_setpoint_watts",  # nothing is in shadow
    "vpp_ev_joules",  # no car
    "vpp_pool_rung",  # the best one is 0, and a plan is soon there
    "vpp_export_joules",  # its battery takes the morning's surplus
}


async def test_every_metric_moves_in_a_house_whose_store_is_dead_and_whose_roof_falls_silent(
    tmp_path: Path,
) -> None:
    house, base_port = example_city("one-house"), free_base_port(range(PORTS))
    nowhere = f"redis://127.0.0.1:{free_port()}"
    async with SimulatedCity(read_city(house, base_port), speed=SPEED, start=MORNING) as sim:
        wire = WireClock()
        clocks = Clocks(city=CityClock(wire, speed=SPEED, start=sim.clock.now), wire=wire)
        options = Options(state_dir=tmp_path, redis_url=nowhere)
        async with (
            running(load_city(house, base_port=base_port), options, clocks) as daemon,
            serving(application(daemon), host="127.0.0.1", port=0) as port,
        ):
            told = await _families(port)
            assert _words(told["vpp_commands"], "write_class") == set(WriteClass)
            assert _words(told["vpp_outcomes"], "outcome") == {o for o in Outcome if o.final}
            await _all_move(port, but={*NOT_IN_THIS_HOUSE, "vpp_alarms"})
            await sim.faults.inject("house-inverter", "silent")
            await _all_move(port, but=NOT_IN_THIS_HOUSE)


async def _all_move(port: int, *, but: AbstractSet[str]) -> None:
    """Wait until every family, but for these, has been seen with something else than nought."""
    seen, moved = set[str](), set[str]()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not seen or seen - moved - but:
                await asyncio.sleep(0.1)
                told = await _families(port)
                seen |= told.keys()
                moved |= {name for name, one in told.items() if any(s.value for s in one.samples)}
    except TimeoutError as error:
        raise AssertionError(f"nothing sets {sorted(seen - moved - but)}") from error


async def _families(port: int) -> dict[str, Metric]:
    _, text = await get(port, "/metrics")
    return {one.name: one for one in text_string_to_metric_families(text.decode())}


def _words(family: Metric, label: str) -> set[str]:
    return {sample.labels[label] for sample in family.samples}
