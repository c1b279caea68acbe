"""The daemon is stopped while devices have not answered yet, or not again."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

from tests.integration.processes import Ended, SimulatedCity, audit, simulated, until, vpp
from vpp.cli import exits
from vpp.config.examples import example_city
from vpp.runtime.command_socket import ask

CITY = example_city("city-20")


def arguments(city: SimulatedCity) -> list[object]:
    return ["run", city.file, "--base-port", city.base_port, "--http", "off"]


def begun(home: Path) -> bool:
    return any(home.glob("*/audit.jsonl")) and bool(audit(home))


def links(home: Path) -> set[str]:
    """How devices stand to the daemon."""
    rows = asyncio.run(ask(home / "city-20", {"verb": "devices"}))["devices"]
    return {row["link"] for row in rows}


def all_are_safe(ended: Ended) -> None:
    assert ended.code == exits.OK, ended.err
    assert "35 of 35 assets read back in their safe state" in ended.out


def test_a_stop_right_after_the_start_reaches_every_device(tmp_path: Path) -> None:
    with simulated(CITY, tmp_path) as city, vpp(tmp_path, arguments(city)) as daemon:
        until(lambda: begun(tmp_path), "the start")
        all_are_safe(daemon.terminate())


def test_a_stop_soon_after_the_devices_came_back_reaches_them(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with simulated(CITY, tmp_path) as city:
            daemon = stack.enter_context(vpp(tmp_path, arguments(city)))
            until(city.writes, "the first writes")
        until(lambda: "online" not in links(tmp_path), "the loss of all devices")
        with simulated(CITY, tmp_path, base_port=city.base_port):
            all_are_safe(daemon.terminate())
