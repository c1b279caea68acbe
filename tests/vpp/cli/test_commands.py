"""The commands as a person gives them."""

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulators.wire.free_ports import free_base_port
from vpp.cli import exits
from vpp.cli.main import app
from vpp.config.examples import example_city


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"VPP_STATE_HOME": str(tmp_path / "state"), "COLUMNS": "160"}


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def vpp(home: dict[str, str], *arguments: object) -> Done:
    result = CliRunner().invoke(app, list(map(str, arguments)), env=home)
    return Done(result.exit_code, result.stdout, result.stderr)


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


def test_the_example_city_is_right_and_safe_without_us(home: dict[str, str]) -> None:
    done = vpp(home, "check", example_city())
    assert done.returncode == exits.OK, done.stderr
    assert "20 sites in 2 pools" in done.stdout


@pytest.mark.parametrize("name", ["one-house", "one-house.yaml"])
def test_an_example_is_found_by_its_name(home: dict[str, str], name: str) -> None:
    assert vpp(home, "check", name).stdout == vpp(home, "check", example_city("one-house")).stdout
    misspelt = vpp(home, "check", name.replace("-", "_"))
    assert misspelt.returncode == exits.USAGE
    assert "did you mean 'one-house'?" in misspelt.stderr


def test_a_misspelt_key_is_named_with_file_line_path_and_remedy(
    home: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "city.yaml"
    text = example_city("one-house").read_text()
    file.write_text(text.replace("capacity_kwh", "capacity_kw", 1))
    line = 1 + next(i for i, t in enumerate(text.splitlines()) if "capacity_kwh" in t)
    done = vpp(home, "check", file)
    assert done.returncode == exits.CONFIGURATION
    assert f"{file}:{line}: assets[0].capacity_kw" in done.stderr.replace("\n", "")
    assert "capacity_kwh" in done.stderr


def test_a_rating_that_does_not_hold_without_us_is_unsafe(
    home: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "city.yaml"
    text = example_city("one-house").read_text()
    file.write_text(text.replace("rating_kw: {import: 12,", "rating_kw: {import: 8,"))
    done = vpp(home, "check", file)
    assert done.returncode == exits.UNSAFE
    assert "exceeds 8.0" in done.stdout


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
    ],
)
def test_a_wrong_state_of_charge_is_a_wrong_command_line(
    home: dict[str, str], soc: str, words: str
) -> None:
    done = vpp(home, "plan", example_city("one-house"), "--offline", "--soc", *soc.split())
    assert done.returncode == exits.USAGE
    assert words in done.stderr


def test_a_mistake_in_line_100_is_told_with_its_number(
    home: dict[str, str], tmp_path: Path
) -> None:
    city = tmp_path / "city.yaml"
    city.write_text("\n" * 99 + "portfolios: {}\n")
    done = vpp(home, "check", city)
    assert done.returncode == exits.CONFIGURATION
    assert f"{city}:100:" in done.stderr


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


def wrong_city(directory: Path, old: str, new: str) -> Path:
    text = example_city("one-house").read_text()
    assert old in text
    file = directory / "city.yaml"
    file.write_text(text.replace(old, new))
    return file


def test_check_ends_with_a_verdict(home: dict[str, str], tmp_path: Path) -> None:
    good = vpp(home, "check", example_city("one-house"))
    assert good.stdout.splitlines()[-1].startswith("ok: 4 of 4 ratings hold")
    unsafe = vpp(home, "check", wrong_city(tmp_path, "{import: 12,", "{import: 8,"))
    assert "unsafe: 3 of 4 ratings hold" in unsafe.stdout
    assert "--terms" in unsafe.stdout


@pytest.mark.parametrize(
    ("old", "new", "path", "remedy"),
    [
        ("adapter: modbus,", "adapter: modbuss,", "links[0].adapter", "did you mean 'modbus'?"),
        ("sunspec-ess", "sunspec-es", "devices[0].profile", "sunspec-ess"),
        ("{unit: 1}", "{unt: 1}", "devices[0].options", "unit"),
    ],
)
def test_check_lets_adapters_judge_their_part_without_contacting_any_device(
    home: dict[str, str], tmp_path: Path, old: str, new: str, path: str, remedy: str
) -> None:
    done = vpp(home, "check", wrong_city(tmp_path, old, new))
    assert done.returncode == exits.CONFIGURATION
    assert path in done.stderr
    assert remedy in done.stderr


def test_check_says_what_to_look_at_in_a_file_that_is_right(
    home: dict[str, str], tmp_path: Path
) -> None:
    read = "carries: [{meter: house-meter}]"
    file = wrong_city(tmp_path, read, "carries: [{meter: house-meter, reads: {power_kw: 0}}]")
    done = vpp(home, "check", file)
    line = 1 + next(i for i, t in enumerate(file.read_text().splitlines()) if "a_per_phase" in t)
    assert done.returncode == exits.OK, done.stderr
    (said,) = (text for text in done.stdout.splitlines() if text.startswith("look at:"))
    assert f"{file}:{line}: sites[0].a_per_phase: no meter of 'house' tells" in said
    assert "current_l1_a" in said


def test_check_knows_from_its_profile_that_a_meter_tells_no_currents(
    home: dict[str, str], tmp_path: Path
) -> None:
    shipped = files("adapters").joinpath("profiles/sunspec-meter.yaml").read_text()
    lines = [text for text in shipped.splitlines() if "current_l" not in text]
    (tmp_path / "poor-meter.yaml").write_text("\n".join(lines))
    options = f"options: {{profiles: {tmp_path}, max_clients: 4}}"
    file = wrong_city(tmp_path, "options: {max_clients: 4}", options)
    assert "look at:" not in vpp(home, "check", file).stdout
    file.write_text(file.read_text().replace("sunspec-meter", "poor-meter"))
    assert "no meter of 'house' tells the currents" in vpp(home, "check", file).stdout


def test_check_names_file_and_line_of_an_unknown_profile_over_mqtt(
    home: dict[str, str], tmp_path: Path
) -> None:
    text, file = example_city().read_text(), tmp_path / "city.yaml"
    file.write_text(text.replace("profile: vpp-1", "profile: vpp-9", 1))
    line = 1 + next(i for i, t in enumerate(text.splitlines()) if "profile: vpp-1" in t)
    done = vpp(home, "check", file)
    said = done.stderr.replace("\n", "")
    assert done.returncode == exits.CONFIGURATION
    assert f"{file}:{line}: devices[" in said
    assert "there is no MQTT profile 'vpp-9' (one of vpp-1)" in said


def test_a_missing_section_is_one_mistake_and_not_one_for_each_reference(
    home: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "city.yaml"
    file.write_text(example_city().read_text().replace("\nnodes:", "\nnode:", 1))
    done = vpp(home, "check", file)
    assert done.returncode == exits.CONFIGURATION
    assert "did you mean 'nodes'?" in done.stderr
    assert done.stderr.count("wrong:") == 2
    assert "names no node at all" in done.stderr


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
