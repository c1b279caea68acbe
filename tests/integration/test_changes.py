"""Devices that change, stand still or come under control, with daemon and city as processes."""

import asyncio
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import SimulatedCity, audit, simulated, until, vpp
from vpp.cli import exits
from vpp.config.examples import example_city
from vpp.runtime.command_socket import ask

pytestmark = pytest.mark.timeout(400)  # some patient waits, on a busy machine
HOUSE = example_city("one-house").read_text()
WHICH = ("--portfolio", "one-house")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def written(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """The house with some of its text replaced."""
    text = HOUSE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / name).mkdir()
    file = folder / name / "house.yaml"
    file.write_text(text)
    return file


def arguments(city: SimulatedCity, file: Path) -> list[object]:
    return ["run", file, "--base-port", city.base_port, "--http", "off"]


def told(home: Path, event: str) -> list[dict[str, Any]]:
    return [record for record in audit(home) if record["event"] == event]


def followed(home: Path) -> int:
    return sum(record["outcome"] == "followed" for record in told(home, "outcome"))


def asked(home: Path, *words: object) -> str:
    with vpp(home, [*words, *WHICH]) as asking:
        ended = asking.wait()
    assert ended.code == exits.OK, ended.err
    return ended.out


def heard(home: Path) -> list[str]:
    """Devices that are online."""
    rows = asyncio.run(ask(home / "one-house", {"verb": "devices"}))["devices"]
    return [row["device"] for row in rows if row["link"] == "online"]


def other_firmware(folder: Path) -> tuple[Path, Path, str]:
    """The city that answers then, the file of the daemon, and what is said."""
    changed = ("serial: HB-0900}", 'serial: HB-0900, firmware: "2.0.0"}')
    return written(folder, "other", changed), written(folder, "same"), "2.0.0"


def other_profile(folder: Path) -> tuple[Path, Path, str]:
    shipped = (files("adapters") / "profiles" / "sunspec-ess.yaml").read_text()
    (folder / "profiles").mkdir()
    (folder / "profiles" / "my-ess.yaml").write_text(shipped)
    changes = (
        ("profile: sunspec-ess", "profile: my-ess"),
        ("options: {max_clients: 4}", f"options: {{max_clients: 4, profiles: {folder}/profiles}}"),
    )
    return written(folder, "same"), written(folder, "other", *changes), "my-ess"


@pytest.mark.parametrize("change", [other_firmware, other_profile])
def test_a_device_that_has_changed_is_only_observed(folder: Path, change: Any) -> None:
    home, first = folder / "state", written(folder, "first")
    with simulated(first, folder / "first") as city, vpp(home, arguments(city, first)) as daemon:
        until(city.writes, "a write to the battery")
        assert daemon.terminate().code == exits.OK
    answering, file, said = change(folder)
    with simulated(answering, folder) as city, vpp(home, arguments(city, file)) as daemon:
        until(lambda: told(home, "authority"), "the word on its authority")
        time.sleep(3.0)
        (row,) = [r for r in asked(home, "device", "list").splitlines() if "house-ess" in r]
        assert daemon.terminate().code == exits.OK
        assert city.writes() == []
    assert "observe" in row
    (record,) = told(home, "authority")
    assert record["subject"] == "house-ess"
    assert record["outcome"] == "observe"
    assert said in record["why"]


@pytest.fixture
def observed(folder: Path) -> Iterator[SimulatedCity]:
    """A battery that runs by its own rule and is only observed."""
    file = written(
        folder, "observed", ("safe: zero, authority: auto", "safe: autonomous, authority: observe")
    )
    with simulated(file, folder) as city:
        yield city


def test_a_device_that_comes_under_control_goes_on_at_its_measured_power(
    observed: SimulatedCity, folder: Path
) -> None:
    home = folder / "state"

    def power_kw() -> float | None:
        status = asyncio.run(ask(home / "one-house", {"verb": "status"}))
        found: float | None = status["pool:house"]["flows"]["battery_kw"]
        return found

    with vpp(home, arguments(observed, observed.file)) as daemon:
        until((home / "one-house" / "command.sock").exists, "the daemon")
        until(lambda: "online" in asked(home, "device", "list"), "its devices")
        until(lambda: abs(power_kw() or 0.0) > 0.1, "a battery that follows its own rule")
        assert observed.writes() == []
        powers_kw = [power_kw()]
        asked(home, "device", "set-authority", "house-ess", "auto", "--reason", "commissioned")

        def is_told() -> bool:
            powers_kw.append(power_kw())
            return bool(told(home, "intent"))

        until(is_told, "the first command")
        assert daemon.terminate().code == exits.OK
    first = told(home, "intent")[0]
    assert first["why"] == "taken over at its measured power"
    measured_kw = [one for one in powers_kw if one is not None]
    assert min(measured_kw) - 0.2 <= first["lo_kw"] == first["hi_kw"] <= max(measured_kw) + 0.2


def test_devices_that_stand_still_for_a_while_are_steered_again(folder: Path) -> None:
    home, file = folder / "state", written(folder, "house")
    with simulated(file, folder) as city, vpp(home, arguments(city, file)) as daemon:
        until(city.writes, "a write to the battery")
        until(lambda: followed(home), "a command that was followed")
        with city.frozen():
            until(lambda: not heard(home), "the loss of all devices")
        before, writes = followed(home), len(city.writes())
        until(lambda: len(city.writes()) > writes, "a write after the standstill")
        asked(home, "override", "house-bat", "--power", "1.2", "--reason", "is it there again?")
        until(lambda: followed(home) > before, "a command that is followed again")
        ended = daemon.terminate()
    assert ended.code == exits.OK, ended.err
    assert "1 of 1 assets read back in their safe state" in ended.out
