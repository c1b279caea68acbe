"""`python -m simulators` as a process of its own, and a thousand devices in one."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import yaml
from pymodbus.client import ModbusTcpClient

from simulators.clock import CityClock
from simulators.wire import SimulatedCity
from simulators.wire.free_ports import free_base_port
from tests.adapters.mqtt.brokers import mosquitto
from tests.integration.processes import PATIENCE_S, as_from_a_shell, until
from tests.simulators.wire.cities import HOUSE, street
from tests.simulators.wire.clients import RawClient, read_pdu


@pytest.fixture
def city_file(tmp_path: Path) -> Path:
    path = tmp_path / "city.yaml"
    path.write_text(HOUSE)
    return path


@contextmanager
def served(city: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    with as_from_a_shell():
        process = subprocess.Popen(
            [sys.executable, "-m", "simulators", str(city), "--base-port", "0", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_it_says_when_everything_listens_and_ends_with_its_parent_s_pipe(
    city_file: Path, tmp_path: Path
) -> None:
    log = tmp_path / "writes.jsonl"
    with served(city_file, "--stop-with-parent", "--write-log", str(log)) as (process, ready):
        assert ready["ready"] is True
        assert ready["start"] == "2026-07-15T11:00:00+09:00"
        assert ready["broker"] == f"127.0.0.1:{ready['base_port']}"
        with ModbusTcpClient("127.0.0.1", port=int(ready["base_port"]) + 1) as client:
            assert client.read_holding_registers(40000, count=2).registers == [0x5375, 0x6E53]
            client.write_register(40372, 1)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        assert os.getsid(process.pid) == process.pid
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
    (line,) = log.read_text().splitlines()
    written = json.loads(line)
    assert (written["device"], written["where"], written["values"]) == ("ess", 40372, [1])
    assert written["accepted"] is True


def test_its_parent_may_let_the_city_run_faster_or_slower(city_file: Path, tmp_path: Path) -> None:
    log = tmp_path / "writes.jsonl"
    with served(city_file, "--stop-with-parent", "--write-log", str(log)) as (process, ready):
        assert process.stdin is not None
        with ModbusTcpClient("127.0.0.1", port=int(ready["base_port"]) + 1) as client:
            client.write_register(40372, 1)
            process.stdin.write(b"speed 600\nspeed 900\nspeed\nspeed 1 at nan\n")
            process.stdin.flush()

            def has_run_fast() -> bool:
                client.write_register(40372, 2)
                first, *_, last = (json.loads(line) for line in log.read_text().splitlines())
                begun, now = (datetime.fromisoformat(one["city"]) for one in (first, last))
                wire_s: float = last["wire_s"] - first["wire_s"]
                return (now - begun).total_seconds() > 300 * wire_s

            until(has_run_fast, "a city that runs at 600, on the whole at more than 300")
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGHUP])
def test_alone_it_ends_at_once_with_its_terminal(city_file: Path, how: signal.Signals) -> None:
    with served(city_file) as (process, _):
        process.send_signal(how)
        assert process.wait(PATIENCE_S) == 0


def test_it_ends_by_itself_after_the_time_given(city_file: Path) -> None:
    with served(city_file, "--for", "0.5s", "--speed", "600") as (process, ready):
        assert ready["speed"] == 600
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--speed", "601"], "'601' is no speed from 0 to 600"),
        (["--speed", "fast"], "'fast' is no speed from 0 to 600"),
        (["--for", "60"], "'60' is no duration"),
        (["--export", "x"], "--export needs --from and --to"),
        (["--export", "x", "--from", "2026-07-15", "--to", "2026-07-14"], "is not after its start"),
        (
            ["--export", "x", "--from", "2026-07-14", "--to", "2026-07-15", "--step", "7min"],
            "is not a whole number of steps",
        ),
        (["--stop-with-parent"], "needs the parent's pipe"),
    ],
)
def test_mistakes_are_named(city_file: Path, arguments: list[str], words: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "simulators", str(city_file), *arguments],
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def run_in(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulators", *map(str, arguments)], cwd=folder,
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["one-house.yaml", "one-house"])
def test_a_shipped_example_is_found_by_its_name_after_a_file_of_that_name(
    city_file: Path, tmp_path: Path, name: str
) -> None:
    span = ("--from", "2026-07-14", "--to", "2026-07-15", "--step", "1h")
    shipped = run_in(tmp_path, name, "--export", "shipped", *span)
    assert shipped.returncode == 0, shipped.stderr
    assert (tmp_path / "shipped" / "meta.yaml").exists()
    city_file.rename(tmp_path / name)
    own = run_in(tmp_path, name, "--export", "own", *span)
    assert own.returncode == 0, own.stderr
    tables = [(tmp_path / folder / "sites.csv").read_text() for folder in ("shipped", "own")]
    assert tables[0] != tables[1]


def test_what_is_neither_a_file_nor_an_example_is_said_with_those_there_are(tmp_path: Path) -> None:
    wrong = run_in(tmp_path, "city-21.yaml", "--base-port", "0")
    assert wrong.returncode == 2
    assert "no such file, and no example of that name: city-20.yaml, hyd" in wrong.stderr
    deeper = run_in(tmp_path, "cities/city-20.yaml", "--base-port", "0")
    assert deeper.returncode == 2
    assert "there is no file 'cities/city-20.yaml'" in deeper.stderr
    os.mkfifo(tmp_path / "pipe.yaml")
    waiting = run_in(tmp_path, "pipe.yaml", "--base-port", "0")
    assert waiting.returncode == 3
    assert "is a pipe" in waiting.stderr


def test_a_wrong_city_is_named_by_file_line_and_path(city_file: Path, tmp_path: Path) -> None:
    city_file.write_text(HOUSE.replace("capacity_kwh", "capacity"))
    line = 1 + next(i for i, t in enumerate(HOUSE.splitlines()) if "capacity_kwh" in t)
    for what in (("--base-port", "0"), ("--check",)):
        wrong = run_in(tmp_path, "city.yaml", *what)
        assert wrong.returncode == 3
        assert wrong.stderr.startswith(f"simulators: city.yaml:{line}: assets[")


def test_a_right_city_is_checked_without_a_word(city_file: Path, tmp_path: Path) -> None:
    done = run_in(tmp_path, city_file.name, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_time_that_the_citys_clocks_skip_is_refused_with_its_neighbours(
    city_file: Path, tmp_path: Path
) -> None:
    city_file.write_text(HOUSE.replace("Asia/Seoul", "Europe/Berlin"))
    span = ("--from", "2026-03-29T02:30", "--to", "2026-03-29T04:00")
    done = run_in(tmp_path, city_file.name, "--export", "truth", *span)
    assert done.returncode == 2
    assert "2026-03-29T01:30:00+01:00 or 2026-03-29T03:30:00+02:00" in done.stderr


def test_it_exports_what_drives_the_city(city_file: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "simulators", str(city_file), "--export", str(tmp_path / "truth"),
         "--from", "2026-07-14", "--to", "2026-07-15", "--step", "1h"],
        check=True, capture_output=True,
    )  # fmt: skip
    meta = yaml.safe_load((tmp_path / "truth" / "meta.yaml").read_text())
    assert meta["time_zone"] == "Asia/Seoul"


def test_an_export_ends_with_its_parent(city_file: Path, tmp_path: Path) -> None:
    ages = ("--from", "2016-01-01", "--to", "2026-01-01", "--step", "1min")
    process = subprocess.Popen(
        [sys.executable, "-m", "simulators", str(city_file), "--stop-with-parent",
         "--export", str(tmp_path / "truth"), *ages],
        stdin=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()


@pytest.mark.needs("mosquitto", "mosquitto")
async def test_stations_call_in_at_another_broker_and_are_offline_there_afterwards(
    city_file: Path, tmp_path: Path
) -> None:
    async def told(client: aiomqtt.Client, suffix: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            async for message in client.messages:
                if message.topic.matches(f"vpp/1/house/station/{suffix}"):
                    assert isinstance(message.payload, bytes)
                    found: dict[str, Any] = json.loads(message.payload)
                    return found
        raise AssertionError("no message")

    async with mosquitto(tmp_path) as broker:
        address = f"127.0.0.1:{broker.port}"
        with served(city_file, "--broker", address) as (process, ready):
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                await client.subscribe("vpp/1/#", qos=1)
                assert (await told(client, "meta"))["serial"] == "DL-1"
                assert "cp1" in (await told(client, "telemetry"))["assets"]
                process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0
        async with aiomqtt.Client("127.0.0.1", broker.port) as later:
            await later.subscribe("vpp/1/#", qos=1)
            assert (await told(later, "status"))["online"] is False
    assert ready["broker"] == address


def test_a_second_one_on_the_same_ports_is_told_how_to_find_others(city_file: Path) -> None:
    with served(city_file) as (_, ready):
        second = subprocess.run(
            [sys.executable, "-m", "simulators", str(city_file),
             "--base-port", str(ready["base_port"])],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert second.returncode == 1
    (said,) = second.stderr.splitlines()
    assert "address already in use" in said
    assert "--base-port 0 finds free ones" in said


def test_a_broker_that_is_not_there_is_named_in_words(city_file: Path) -> None:
    port = free_base_port([0])
    failed = subprocess.run(
        [sys.executable, "-m", "simulators", str(city_file), "--base-port", "0",
         "--broker", f"127.0.0.1:{port}"],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert failed.returncode == 1
    assert failed.stderr == f"simulators: no MQTT broker at 127.0.0.1:{port} took station\n"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--start", "9999-12-31T23:59:59+00:00", "--base-port", "0"], "outside the calendar"),
        (["--start", "soon"], "'soon' is no time"),
        (["--broker", "x"], "'x' is no address"),
        (["--base-port", "70000"], "'70000' is no port"),
        (["--base-port", "65535"], "no port from 0 to 65535"),
    ],
)
def test_a_wrong_argument_is_answered_in_words(
    city_file: Path, wrong: list[str], said: str
) -> None:
    failed = subprocess.run(
        [sys.executable, "-m", "simulators", str(city_file), *wrong],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert failed.returncode in (1, 2, 3)
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr


async def test_200_devices_at_ports_of_their_own_answer_together() -> None:
    async with SimulatedCity(street(200), speed=60) as sim:
        numbers = [port.number for port in sim.ports.values()]

        async def identity(number: int) -> bytes:
            async with RawClient.to(number) as client:
                return (await client.ask(read_pdu(40002, 68)))[2]

        answers = await asyncio.gather(*map(identity, numbers))
    serials = {answer[2 + 100 : 2 + 132].rstrip(b"\0").decode() for answer in answers}
    assert serials == {f"ess-{number}" for number in range(200)}


def test_the_city_s_clock_runs_at_its_speed_and_never_back() -> None:
    clock = CityClock(street(1).start, 0)
    clock.run()
    clock.advance(10)
    assert clock.elapsed_s == 10
    clock.speed = 600
    first = clock.reading()
    time.sleep(0.05)
    later = clock.reading()
    assert later.elapsed_s - first.elapsed_s == pytest.approx(600 * (later.wire_s - first.wire_s))
    clock.speed = 0
    stopped = clock.elapsed_s
    assert clock.elapsed_s == stopped >= later.elapsed_s
    with pytest.raises(ValueError, match="has passed"):
        clock.change_speed(1, time.monotonic() + 1)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)


def test_a_change_of_speed_that_is_heard_late_makes_up_for_it_without_going_back() -> None:
    clock = CityClock(street(1).start, 100)
    clock.run()
    time.sleep(0.1)
    began, changed = clock.reading(), time.monotonic()
    time.sleep(0.1)  # the parent's word was on its way
    seen_s = clock.elapsed_s
    clock.change_speed(50, changed)

    def would_be_s(wire_s: float) -> float:
        """City time of one that heard at once."""
        return began.elapsed_s + 100 * (changed - began.wire_s) + 50 * (wire_s - changed)

    still, then = clock.reading(), clock.reading()
    assert still.elapsed_s >= seen_s
    assert then.elapsed_s == pytest.approx(max(still.elapsed_s, would_be_s(then.wire_s)))
    time.sleep(0.15)
    caught_up = clock.reading()
    assert caught_up.elapsed_s == pytest.approx(would_be_s(caught_up.wire_s))
