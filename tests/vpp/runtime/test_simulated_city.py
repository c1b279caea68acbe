import asyncio
import json
import time
from datetime import datetime, timedelta
from pathlib import Path

from pymodbus.client import AsyncModbusTcpClient

from vpp.config.examples import example_city
from vpp.runtime.simulated_city import SimulatedCity, simulators

PATIENCE_S = 30.0
HEARTBEAT = 40372
"""Any register that can be written: its writes are logged with the city's time."""


async def written(client: AsyncModbusTcpClient, log: Path) -> tuple[datetime, float]:
    """The city's and this host's time of one write."""
    await client.write_register(HEARTBEAT, 1, device_id=1)
    line = json.loads((await asyncio.to_thread(log.read_text)).splitlines()[-1])
    return datetime.fromisoformat(line["city"]), line["wire_s"]


async def slowed(city: SimulatedCity, speed: float) -> float:
    since_s = time.monotonic()
    await asyncio.sleep(0.2)  # the word is on its way
    city.change_speed(speed, since_s)
    return since_s


async def test_the_simulated_city_falls_to_the_same_speed_at_the_same_time(tmp_path: Path) -> None:
    log = tmp_path / "writes.jsonl"
    arguments = ("--base-port", "0", "--speed", "100", "--write-log", str(log))
    async with simulators(example_city("one-house"), *arguments) as city:
        port = int(city.ready["base_port"]) + 10
        async with AsyncModbusTcpClient("127.0.0.1", port=port) as client:
            before, before_s = await written(client, log)
            since_s = await slowed(city, 50)

            def would_be(wire_s: float) -> datetime:
                """City time of one that heard at once; a late one stands still until then."""
                city_s = 100 * (since_s - before_s) + 50 * (wire_s - since_s)
                return before + timedelta(seconds=city_s)

            async with asyncio.timeout(PATIENCE_S):
                after, after_s = await written(client, log)
                while abs(after - would_be(after_s)) > timedelta(seconds=0.01):
                    after, after_s = await written(client, log)
    assert after - before < timedelta(seconds=100 * (after_s - before_s) - 10)
