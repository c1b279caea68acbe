"""The commands as a person gives them."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.wire.free_ports import free_base_port
from tests.vpp.cli.command_line import vpp, wrong_city
from vpp.cli import exits
from vpp.config.examples import example_city


def test_the_installed_script_answers() -> None:
    script = Path(sys.executable).with_name("vpp")
    done = subprocess.run([script, "version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (exits.OK, "")
    assert done.stdout.startswith("vpp-orchestrator ")


def test_what_is_logged_is_no_part_of_what_a_command_prints() -> None:
    """Whatever logs, however early: ``vpp plan --json`` stays JSON."""
    logs = "import vpp.cli.plan, structlog; structlog.get_logger().warning('broker lost')"
    done = subprocess.run([sys.executable, "-c", logs], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "broker lost"


@pytest.mark.parametrize(
    "command",
    [
        "",
        "demo",
        "run",
        "check",
        "plan",
        "backtest",
        "explain",
        "override",
        "device",
        "audit",
        "version",
    ],
)
def test_every_command_explains_itself(home: dict[str, str], command: str) -> None:
    done = vpp(home, *command.split(), "--help")
    assert done.returncode == exits.OK
    assert "Usage" in done.stdout


def test_a_plan_without_any_device_says_what_it_assumed(home: dict[str, str]) -> None:
    asked = ("plan", example_city("one-house"), "--offline", "--planner", "rule")
    done = vpp(home, *asked, "--json")
    assert done.returncode == exits.OK, done.stderr
    made = json.loads(done.stdout)
    assert made["notes"] == ["stored energy unknown, 50% assumed (--soc): house-bat"]
    powers = made["plans"]["house"]["power_kw"]
    assert len(powers["house-bat"]) == len(made["plans"]["house"]["slots"])
    plan = made["plans"]["house"]
    assert len(plan["load_kw"]) == len(plan["slot_hours"]) == len(plan["slots"])
    assert made["unforecast"] == {"house": pytest.approx(1.0)}
    assert "Infinity" not in done.stdout
    assert plan["load_kw"][0] + sum(row[0] for row in powers.values()) == pytest.approx(
        plan["grid_kw"][0], abs=1e-3
    )
    table = vpp(home, *asked, "--soc", "house-bat=0.8")
    assert table.stdout.startswith("load without a forecast, assumed: house 1.0 kW")
    assert re.search(r"grid .* load .* sun", table.stdout)
    assert "stored energy unknown" not in table.stdout
    assert "batteries" in table.stdout


def test_a_plan_names_devices_that_do_not_answer(home: dict[str, str]) -> None:
    asked = ("plan", "one-house", "--planner", "rule", "--base-port", free_base_port([0, 10, 20]))
    done = vpp(home, *asked, "--json")
    assert done.returncode == exits.OK, done.stderr
    silent, assumed = json.loads(done.stdout)["notes"]
    assert silent.startswith("none of 3 devices answered, not house-ess (")
    assert silent.endswith("--offline asks none")
    assert assumed.startswith("stored energy unknown")


def test_a_plan_counts_in_the_currency_of_the_portfolio(home: dict[str, str]) -> None:
    done = vpp(home, "plan", example_city("one-house"), "--offline", "--soc", "house-bat=0.8")
    assert done.returncode == exits.OK, done.stderr
    assert "KRW" in done.stdout
    assert "money" not in done.stdout


@pytest.mark.parametrize(
    ("soc", "words"),
    [
        ("house-bat=80", "expected 0..1"),
        ("house-bat=nan", "expected 0..1"),
        ("house-pv=0.5", "no battery"),
        ("nobody=0.5", "no battery"),
        ("house-bat=bad", "ASSET=0.5"),
        ("house-bat", "ASSET=0.5"),
        ("house-bat=0.5 --soc house-bat=0.6", "house-bat is stated twice"),
        ("house-batt=0.5", "did you mean 'house-bat'?"),
        ("house-bat=50", "expected 0..1; 50 % is 0.5"),
    ],
)
def test_a_wrong_state_of_charge_is_a_wrong_command_line(
    home: dict[str, str], soc: str, words: str
) -> None:
    done = vpp(home, "plan", example_city("one-house"), "--offline", "--soc", *soc.split())
    assert done.returncode == exits.USAGE
    assert words in done.stderr


def test_a_wrong_length_of_time_is_told_before_anything_starts(home: dict[str, str]) -> None:
    done = vpp(home, "run", example_city("one-house"), "--for", "ever")
    assert done.returncode == exits.USAGE
    assert "is no length of time" in done.stderr
    assert not Path(home["VPP_STATE_HOME"]).exists()


def test_an_address_that_is_taken_is_told_before_any_device_is_touched(
    home: dict[str, str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = vpp(home, "run", "one-house", "--http", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == exits.FAILED
    assert "cannot serve HTTP at 127.0.0.1" in done.stderr
    assert "--http names another address, or off" in done.stderr
    assert list((Path(home["VPP_STATE_HOME"]) / "one-house").iterdir()) == []


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_forecaster_that_is_not_installed_is_a_mistake_of_the_city_file(
    home: dict[str, str], tmp_path: Path, command: str
) -> None:
    file = wrong_city(tmp_path, "country: KR,", "country: KR, forecaster: persistance,")
    done = vpp(home, command, file)
    assert done.returncode == exits.CONFIGURATION
    assert f"{file}:4: portfolio.forecaster: no forecaster 'persistance'" in done.stderr
    assert "did you mean 'persistence'?" in done.stderr


@pytest.mark.parametrize("command", [["check"], ["run"], ["plan", "--offline"]])
def test_a_pipe_is_no_city_file_and_nobody_waits_for_it(
    home: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    os.mkfifo(tmp_path / "city.yaml")
    done = vpp(home, *command, tmp_path / "city.yaml")
    assert done.returncode == exits.CONFIGURATION
    assert "is a pipe" in done.stderr


def test_a_planner_that_is_not_installed_is_named_with_those_that_are(home: dict[str, str]) -> None:
    done = vpp(home, "plan", example_city("one-house"), "--offline", "--planner", "cplex")
    assert done.returncode == exits.USAGE
    assert "no planner 'cplex' is installed: one of lp, rule" in done.stderr


def test_a_history_that_is_not_there_is_no_empty_one(home: dict[str, str], tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.db"
    done = vpp(home, "plan", example_city("one-house"), "--offline", "--history", missing)
    assert done.returncode == exits.USAGE
    assert "there is no file" in done.stderr
    assert "nowhere.db" in done.stderr
    assert not missing.exists()


def test_a_record_that_is_not_there_yet_is_said_in_words(home: dict[str, str]) -> None:
    done = vpp(home, "audit", "verify", "--portfolio", "one-house")
    assert done.returncode == exits.FAILED
    assert "there is no record" in done.stderr
    assert "--file" in done.stderr
    assert "Errno" not in done.stderr


def test_without_a_daemon_an_override_fails_and_says_where_it_looked(home: dict[str, str]) -> None:
    asked = ("override", "house-bat", "--power", "2", "--reason", "test", "--portfolio", "nobody")
    done = vpp(home, *asked)
    assert done.returncode == exits.FAILED
    assert "no running daemon of nobody" in done.stderr
    assert "nobody/command.sock" in done.stderr
    assert not (Path(home["VPP_STATE_HOME"]) / "nobody").exists()
    assert "Errno" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["override", "house-bat", "--power", "2", "--portfolio", "x"],
        ["override", "house-bat", "--reason", "why", "--portfolio", "x"],
        ["override", "house-bat", "--power", "2", "--reason", "why"],
        ["override", "a", "--power", "2", "--reason", "w", "--portfolio", "x", "--for", "soon"],
        ["override", "a", "--power", "2", "--min", "1", "--reason", "w", "--portfolio", "x"],
        ["override", "a", "--min", "2", "--max", "1", "--reason", "w", "--portfolio", "x"],
        ["override", "a", "--end", "--power", "2", "--portfolio", "x"],
        ["override", "a", "--power", "2", "--reason", "w", "--portfolio", "x", "--for", "0s"],
        ["audit", "verify", "--portfolio", "x", "--file", __file__],
        ["audit", "verify", "--portfolio", "x", "--holds", "abc"],
        ["score", "--portfolio", "x", "--from", "2026-07-02", "--to", "2026-07-01"],
        ["run", "one-house", "--base-port", "70000"],
        ["check", "one-house", "--base-port", "-1"],
        ["override", "a", "--end", "--city", "one-house", "--portfolio", "one-house"],
        ["explain", "a", "--city", "nowhere.yaml"],
        ["check", "nowhere.yaml"],
        ["run", "one-house", "--forecast", "oracle"],
        ["demo", "--picture", "/nowhere/last.svg"],
        ["demo", "--speed", "601"],
        ["demo", "--start", "yesterday"],
        ["check"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_says_so(home: dict[str, str], arguments: list[str]) -> None:
    assert vpp(home, *arguments).returncode == exits.USAGE


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["demo", "--speed", "1000"], exits.USAGE, "'1000' is no speed from 1 to 600"),
        (["demo", "--speed", "fast"], exits.USAGE, "'fast' is no speed from 1 to 600"),
        (
            ["device", "set-authority", "a", "automatic", "--reason", "w", "--portfolio", "x"],
            exits.USAGE,
            "'automatic' is no authority that can be given: did you mean 'auto'?",
        ),
        (["score", "--portfolio", "nope"], exits.FAILED, "there is no portfolio 'nope'"),
    ],
)
def test_what_is_wrong_on_a_command_line_is_told_in_plain_words(
    home: dict[str, str], arguments: list[str], code: int, said: str
) -> None:
    done = vpp(home, *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Value error" not in done.stderr


@pytest.mark.parametrize("address", ["9464", "localhost:", "localhost:http", "localhost:70000"])
def test_an_http_address_that_is_none_is_a_wrong_command_line(
    home: dict[str, str], address: str
) -> None:
    done = vpp(home, "run", example_city("one-house"), "--http", address)
    assert done.returncode == exits.USAGE
    assert "127.0.0.1:9464" in done.stderr


@pytest.mark.parametrize("name", ["authority.json", "epoch"])
def test_a_damaged_file_of_the_daemon_is_named_with_its_remedy(
    home: dict[str, str], name: str
) -> None:
    damaged = Path(home["VPP_STATE_HOME"]) / "one-house" / name
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"\xff\xfe\x00")
    done = vpp(home, "run", example_city("one-house"), "--http", "off", "--for", "5s")
    assert done.returncode == exits.CONFIGURATION, done.stderr
    assert str(damaged) in done.stderr
    assert "remove it" in done.stderr


def test_a_file_that_cannot_be_used_is_named_with_a_remedy(home: dict[str, str]) -> None:
    log = Path(home["VPP_STATE_HOME"]) / "one-house" / "worker.log"
    log.parent.mkdir(parents=True)
    log.symlink_to(log)
    done = vpp(home, "run", "one-house", "--http", "off", "--for", "5s")
    assert done.returncode == exits.FAILED, done.stderr
    assert f"{str(log)!r}; move away what stands in its place" in done.stderr
