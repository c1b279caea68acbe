"""One battery in one house: from the register on the wire to the setpoint in the register."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import SimulatedCity, audit, simulated, until, vpp
from vpp.cli import exits
from vpp.config.examples import example_city


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SimulatedCity]:
    with simulated(example_city("one-house"), tmp_path) as city:
        yield city


def arguments(city: SimulatedCity, *more: object) -> list[object]:
    return ["run", city.file, "--base-port", city.base_port, "--http", "off", *more]


def is_dispatching(city: SimulatedCity) -> bool:
    return any(write["device"] == "house-ess" for write in city.writes())


def test_a_measured_surplus_or_deficit_reaches_the_register_and_is_followed(
    house: SimulatedCity, tmp_path: Path
) -> None:
    with vpp(tmp_path, arguments(house)) as daemon:
        until(lambda: is_dispatching(house), "a write to the battery")
        until(lambda: followed(tmp_path), "a command that was followed")
        until(lambda: any(tmp_path.glob("*/reasons.db")), "reasons on disk")
        ended = daemon.terminate()
    assert ended.code == exits.OK, ended.err
    assert "1 of 1 assets read back in their safe state" in ended.out
    first = next(i for i, r in enumerate(audit(tmp_path)) if r["event"] == "intent")
    assert audit(tmp_path)[first]["subject"] == "house-bat"
    with vpp(tmp_path, ["explain", "house-bat", "--portfolio", "one-house"]) as asking:
        told = asking.wait().out
    assert "house-bat at house, pool house" in told
    assert "by daemon" in told, "its safe state, at the end"
    assert "pool:house: " in told


def followed(home: Path) -> bool:
    return any(r["event"] == "outcome" and r["outcome"] == "followed" for r in audit(home))


def test_observe_writes_not_one_byte(house: SimulatedCity, tmp_path: Path) -> None:
    with vpp(tmp_path, arguments(house, "--observe", "--for", "15s")) as daemon:
        ended = daemon.wait()
    assert ended.code == exits.OK, ended.err
    assert house.writes() == []
    lines = [json.loads(line) for line in ended.err.splitlines()]
    (begun,), (over,) = ([x for x in lines if x["event"] == e] for e in ("running", "stopping"))
    assert (begun["portfolio"], begun["writes"]) == ("one-house", "none: --observe")
    assert over["why"] == "--for"


@pytest.fixture
def shadowed(tmp_path: Path) -> Iterator[SimulatedCity]:
    file = tmp_path / "shadowed.yaml"
    text = example_city("one-house").read_text()
    file.write_text(text.replace("authority: auto", "authority: shadow"))
    with simulated(file, tmp_path) as city:
        yield city


def test_a_shadow_gets_not_one_byte_and_its_commands_are_on_record(
    shadowed: SimulatedCity, tmp_path: Path
) -> None:
    def shadows(outcome: str) -> list[dict[str, Any]]:
        return [r for r in audit(tmp_path) if r["event"] == "shadow" and r["outcome"] == outcome]

    def is_running() -> bool:
        return any(tmp_path.glob("*/audit.jsonl"))

    with vpp(tmp_path, arguments(shadowed)) as daemon:
        until(is_running, "a record")
        until(lambda: shadows("meanwhile"), "what happened instead of a command")
        with vpp(tmp_path, ["device", "list", "--portfolio", "one-house"]) as asking:
            listed = asking.wait()
        ended = daemon.terminate()
    assert listed.code == exits.OK, listed.err
    assert ended.code == exits.OK, ended.err
    assert shadowed.writes() == []
    (row,) = [line for line in listed.out.splitlines() if "house-ess" in line]
    assert "shadow" in row
    assert "city file" in row
    assert "online" in row
    first, begun = shadows("would_write")[0], shadows("would_write")
    assert (first["subject"], first["form"]) == ("house-bat", "target")
    assert first["why"] == "taken over at its measured power"
    assert first["lo_kw"] == pytest.approx(first["measured_kw"], abs=0.05)
    assert {record["lo_kw"] for record in begun} != {first["lo_kw"]}
    ends = {record["command"]: record["measured_kw"] for record in shadows("meanwhile")}
    assert ends.keys() == {record["command"] for record in begun}
    assert [kw for kw in ends.values() if kw] == [], "it stood still meanwhile"
    assert not any(r["event"] == "intent" for r in audit(tmp_path))


def test_ctrl_c_to_the_whole_group_leaves_the_battery_safe(
    house: SimulatedCity, tmp_path: Path
) -> None:
    with vpp(tmp_path, arguments(house)) as daemon:
        until(lambda: is_dispatching(house), "a write to the battery")
        ended = daemon.interrupt_group()
    assert ended.code == exits.OK, ended.err
    assert "1 of 1 assets read back in their safe state" in ended.out


def test_a_second_daemon_is_turned_away_with_the_name_of_the_first(
    house: SimulatedCity, tmp_path: Path
) -> None:
    with vpp(tmp_path, arguments(house)) as first:
        until(lambda: is_dispatching(house), "a write to the battery")
        with vpp(tmp_path, arguments(house)) as second:
            turned_away = second.wait()
        assert turned_away.code == exits.ALREADY_RUNNING
        assert f"process {first.process.pid}" in turned_away.err.replace("\n", " ")
        first.terminate()


SHED = {
    "assets": """
  - {id: shed-bat, site: house, kind: battery, capacity_kwh: 2, charge_kw: 1, discharge_kw: 1,
     eta_charge: 0.95, eta_discharge: 0.95}
  - {id: shed-pv, site: house, kind: pv, peak_kw: 1}""",
    "links": """
  - {id: shed-link, adapter: modbus, host: 127.0.0.1, port_offset: 11}""",
    "devices": """
  - {id: shed-ess, link: shed-link, adapter: modbus, profile: sunspec-ess, safe: zero,
     authority: observe, identity: {serial: SH-1}, carries: [{asset: shed-bat, writes: true}],
     options: {unit: 1}}
  - {id: shed-inverter, link: house-link, adapter: modbus, profile: sunspec-inverter,
     authority: observe, carries: [{asset: shed-pv}], options: {unit: 4}}""",
}


@pytest.fixture
def grown(tmp_path: Path) -> Iterator[SimulatedCity]:
    """The house and a shed: a battery on a link of its own, panels on that of the house."""
    text = example_city("one-house").read_text()
    for section, more in SHED.items():
        text = text.replace(f"\n{section}:", f"\n{section}:{more}")
    file = tmp_path / "grown.yaml"
    file.write_text(text)
    with simulated(file, tmp_path) as city:
        yield city


def test_a_probe_leaves_a_running_daemon_its_devices_and_asks_the_others(
    grown: SimulatedCity, tmp_path: Path
) -> None:
    def probed(file: Path) -> str:
        asked = ["check", file, "--base-port", grown.base_port, "--probe"]
        with vpp(tmp_path, asked) as probing:
            ended = probing.wait()
        assert ended.code == exits.OK, ended.err + ended.out
        return ended.out

    house = example_city("one-house")
    with vpp(tmp_path, ["run", house, "--base-port", grown.base_port, "--http", "off"]) as daemon:
        until(lambda: is_dispatching(grown), "a write to the battery")
        of_both, of_the_house = probed(grown.file), probed(house)
        assert daemon.terminate().code == exits.OK
    answers = {line.split()[1]: line for line in of_both.splitlines() if line.startswith("│")}
    assert f"held by process {daemon.process.pid} " in answers["house-ess"]
    assert "which hears it: online" in answers["house-ess"]
    assert f"on a link that is held by process {daemon.process.pid} " in answers["shed-inverter"]
    assert "SH-1" in answers["shed-ess"]
    assert "1 of 1 devices answer as they should, 4 left to the daemon that runs" in of_both
    assert "SH-1" not in of_the_house
    assert "3 left to the daemon that runs" in of_the_house
    assert {write["device"] for write in grown.writes()} == {"house-ess"}
    assert not any(r["event"] == "alarm" and "OFFLINE" in r["why"] for r in audit(tmp_path))


def test_an_override_holds_until_it_is_withdrawn(house: SimulatedCity, tmp_path: Path) -> None:
    def ask(*words: object, code: int = exits.OK) -> str:
        with vpp(tmp_path, words) as asking:
            ended = asking.wait()
        assert ended.code == code, ended.err
        return ended.out + ended.err

    with vpp(tmp_path, arguments(house)) as daemon:
        until(lambda: is_dispatching(house), "a write to the battery")
        which = ("--portfolio", "one-house")
        told_a_load = ask(
            "override", "house-load", "--power", "1.5", "--reason", "test", *which,
            code=exits.FAILED,
        )  # fmt: skip
        assert "nothing can be told to asset:house-load" in told_a_load
        told_a_meter = ask(
            "device", "set-authority", "house-grid-meter", "auto", "--reason", "test", *which,
            code=exits.FAILED,
        )  # fmt: skip
        assert "house-grid-meter carries nothing that is written" in told_a_meter
        ask("override", "house-bat", "--power", "1.5", "--reason", "test of an override", *which)
        until(lambda: told(tmp_path, 1.5), "the override at the battery")
        ask("override", "house-bat", "--end", *which)
        ask("device", "set-authority", "house-ess", "observe", "--reason", "work on it", *which)
        idle = ask("override", "house", "--max", "2", "--reason", "test", *which)
        assert "nothing is written to house-ess now, its authority is observe" in idle
        ended = daemon.terminate()
    assert ended.code == exits.OK, ended.err
    assert any(r["event"] == "authority" and r["why"] == "work on it" for r in audit(tmp_path))


def told(home: Path, power_kw: float) -> bool:
    return any(r["event"] == "intent" and r["lo_kw"] == power_kw for r in audit(home))


def test_every_device_answers_a_probe(house: SimulatedCity, tmp_path: Path) -> None:
    asked = ["check", house.file, "--base-port", house.base_port, "--probe"]
    with vpp(tmp_path, asked) as probing:
        done = probing.wait()
    assert done.code == exits.OK, done.err + done.out
    assert "HB-0900" in done.out
    assert house.writes() == []
