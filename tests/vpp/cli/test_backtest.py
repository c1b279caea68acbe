"""``vpp backtest`` as a person gives it, on what the simulators export of their world."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.integration.processes import as_from_a_shell
from tests.vpp.backtest.folders import hourly, signals, write_folder
from vpp.cli import exits
from vpp.cli.main import app
from vpp.config.examples import example_city


def backtest(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)], env={"COLUMNS": "200"})


def rows(file: Path) -> Sequence[dict[str, str]]:
    with file.open(encoding="utf-8") as text:
        return list(csv.DictReader(text))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("record")
    command = [sys.executable, "-m", "simulators", str(example_city("one-house"))]
    span = ["--from", "2026-07-13T00:00:00+09:00", "--to", "2026-07-15T00:00:00+09:00"]
    command += ["--export", str(folder), *span, "--step", "15min"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


class Page(HTMLParser):
    """What a page asks of others, and its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [str(value) for name, value in attrs if name in {"src", "href"}]


def test_a_plan_over_what_the_simulators_export(exported: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    city = ("--city", example_city("one-house"))
    done = backtest(exported, "--out", out, *city, "--plan-every", "6h", "--workers", 1)
    assert done.exit_code == exits.OK, done.output
    kpi = json.loads((out / "kpi.json").read_text())
    assert kpi["plans"] == {"made": 8, "refused": []}
    assert (kpi["asked"]["allowance"], kpi["asked"]["allowance_by"]) == (0.001, "the city's")
    assert "allowance 0.001 (the city's)" in done.output
    best = kpi["controllers"]["perfect foresight"]["self_consumption"]
    assert 0 < kpi["controllers"]["plan"]["self_consumption"] <= best + 1e-6
    schedule = rows(out / "schedule.csv")
    assert len(schedule) == 2 * 96
    assert list(schedule[0]) == ["timestamp", "site", "battery_kw"]
    assert schedule[0]["timestamp"] == "2026-07-12T15:00:00Z"
    assert any(abs(float(row["battery_kw"])) > 0.1 for row in schedule)
    report = (out / "report.html").read_text()
    assert "allowance 0.001 (the city&#x27;s)" in report
    page = Page(report)
    assert page.outside == []
    assert (page.tags.count("h2"), page.tags.count("svg")) == (7, 6)
    assert "script" not in page.tags


@pytest.mark.timeout(400)  # three runs, on a busy machine
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_when_the_command_is_given_again(
    tmp_path: Path, how: signal.Signals
) -> None:
    hours = 2 * 7 * 24
    files = {"sites_hourly.csv": hourly(hours), "signals_hourly.csv": signals(hours)}
    folder = write_folder(tmp_path, files)
    command = [sys.executable, "-c", "from vpp.cli.main import app; app()", "backtest", str(folder)]
    command += ["--workers", "2", "--plan-every", "24h", "--out"]
    kept = tmp_path / "out" / ".unfinished" / "plan.run"
    with as_from_a_shell():
        modest = ["nice", "-n", "19", *command]  # whoever waits to kill it is never the later
        running = subprocess.Popen([*modest, str(tmp_path / "out")], stderr=subprocess.PIPE)
    with running as process:
        while not kept.exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(how)
        _, said = process.communicate(timeout=60)  # its workers would keep the pipe open
    assert kept.exists()
    assert not (tmp_path / "out" / "kpi.json").exists()
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert b"the same command goes on" in said
        return
    for out in ("out", "through"):
        subprocess.run([*command, str(tmp_path / out)], check=True, stdout=subprocess.DEVNULL)
    assert not kept.parent.exists()
    for name in ("schedule.csv", "kpi.json"):
        texts = [(tmp_path / out / name).read_bytes() for out in ("out", "through")]
        assert texts[0] == texts[1]


def test_cars_are_written_by_session(tmp_path: Path) -> None:
    folder, out = write_folder(tmp_path), tmp_path / "out"
    done = backtest(folder, "--out", out, "--controller", "community", "--workers", 1)
    assert done.exit_code == exits.OK, done.output
    cars = rows(out / "ev.csv")
    assert [(row["timestamp"][11:13], row["session_id"]) for row in cars] == [
        ("01", "s1"),
        ("02", "s1"),
    ]
    assert sum(float(row["ev_kw"]) for row in cars) == 6.0


@pytest.mark.parametrize(
    ("asked", "said"), [((), "0.001 (the default)"), (("--allowance", 0), "0 (asked for)")]
)
def test_it_says_which_allowance_was_used(
    tmp_path: Path, asked: Sequence[object], said: str
) -> None:
    folder, out = write_folder(tmp_path), tmp_path / "out"
    done = backtest(folder, "--out", out, "--forecast", "none", "--workers", 1, *asked)
    assert done.exit_code == exits.OK, done.output
    assert f"allowance {said}" in done.output
    kpi = json.loads((out / "kpi.json").read_text())["asked"]
    assert f"{kpi['allowance']:g} ({kpi['allowance_by']})" == said


def test_without_prices_costs_are_dashes_and_it_says_where_a_tariff_comes_from(
    tmp_path: Path,
) -> None:
    folder = write_folder(tmp_path, {"signals_hourly.csv": None})
    done = backtest(folder, "--out", tmp_path / "out", "--controller", "community")
    assert done.exit_code == exits.OK, done.output
    assert "nan" not in done.output
    assert "–" in done.output
    assert "--city states a tariff" in done.output


def test_a_record_without_batteries_says_so_once(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"sites.csv": "site\na\nb\nc\n"})
    done = backtest(folder, "--out", tmp_path / "out", "--controller", "community")
    assert done.exit_code == exits.OK, done.output
    assert done.output.count("no batteries in the record") == 1
    assert "forecast" not in done.output


def test_part_of_a_city(tmp_path: Path) -> None:
    lines = [line for line in hourly().splitlines() if ",c," not in line]
    files: dict[str, str | None] = {
        "sites.csv": "site\nschool\nhub\n",
        "sites_hourly.csv": "\n".join(lines).replace(",a,", ",school,").replace(",b,", ",hub,"),
        "ev_sessions.csv": None,
        "meta.yaml": None,
    }
    folder, out = write_folder(tmp_path, files), tmp_path / "out"
    since = ("--from", "2026-07-02T06:00")
    asked = (folder, "--out", out, "--city", "city-20", "--controller", "community", *since)
    whole = backtest(*asked)
    assert whole.exit_code == exits.USAGE
    assert "name with --sites those that are meant" in whole.output
    done = backtest(*asked, "--sites", "hub", "--workers", 1)
    assert done.exit_code == exits.OK, done.output
    made = rows(out / "schedule.csv")
    assert {row["site"] for row in made} == {"hub"}
    assert made[0]["timestamp"] == "2026-07-01T21:00:00Z", "six in the city's morning"


def test_part_of_the_sites_and_of_the_time(tmp_path: Path) -> None:
    folder, out = write_folder(tmp_path), tmp_path / "out"
    part = ("--sites", "b, c", "--from", "2026-07-01", "--to", "2026-07-02T06:00:00Z")
    done = backtest(folder, "--out", out, "--controller", "none", *part, "--workers", 1)
    assert done.exit_code == exits.OK, done.output
    schedule = rows(out / "schedule.csv")
    assert {row["site"] for row in schedule} == {"b", "c"}
    assert schedule[-1]["timestamp"] == "2026-07-02T05:00:00Z"


@pytest.mark.parametrize(
    ("changed", "since", "began"),
    [
        ({}, "2026-07-02T06:00", "2026-07-01T21:00:00Z"),
        ({}, "2026-07-02", "2026-07-01T15:00:00Z"),
        ({}, "2026-07-01T20:00Z", "2026-07-01T20:00:00Z"),
        ({"meta.yaml": None}, "2026-07-02T06:00", "2026-07-02T06:00:00Z"),
        ({"meta.yaml": None}, "2026-07-02T06:00+09:00", "2026-07-01T21:00:00Z"),
    ],
    ids=["local", "local day", "offset", "no zone", "no zone but an offset"],
)
def test_a_time_without_an_offset_is_local_time_where_the_record_knows_it(
    tmp_path: Path, changed: dict[str, str | None], since: str, began: str
) -> None:
    folder, out = write_folder(tmp_path, changed), tmp_path / "out"
    asked = ("--controller", "none", "--from", since, "--workers", 1)
    done = backtest(folder, "--out", out, *asked)
    assert done.exit_code == exits.OK, done.output
    assert rows(out / "schedule.csv")[0]["timestamp"] == began


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--controller", "magic"), "none, inverter, community, tariff, plan"),
        (("--objective", "gold"), "local, cost, grid"),
        (("--sites", "a,nowhere"), "nothing is on record of nowhere, but of a, b"),
        (("--from", "2027-01-01"), "nothing was recorded between"),
        (("--forecast", "tea-leaves"), "one of model, persistence, ridge, perfect, none"),
        (("--planner", "lpp"), "did you mean 'lp'?"),
        (("--peak-limit", "-1"), "'-1' is no limit in kW, like 40"),
        (("--peak-limit", "nan"), "'nan' is no limit in kW, like 40"),
        (("--demand-price", "inf"), "'inf' is no price per kW, like 8320"),
        (("--allowance", "2"), "'2' is no part from 0 to 1, like 0.001"),
        (("--city", "city-20"), "the city city-20 has no site a, b, c"),
        (("--city", "city-21"), "no such example: did you mean 'city-20'?"),
        (("--ev-sessions", "cars.csv"), "there is no file 'cars.csv'"),
        (("--out", __file__), "is a file: name a folder"),
        (("--out", f"{__file__}/deeper"), "is a file: name a folder"),
    ],
)
def test_what_cannot_be_asked_is_said(tmp_path: Path, given: tuple[str, str], said: str) -> None:
    out = tmp_path / "out"
    done = backtest(write_folder(tmp_path), "--out", out, *given, "--workers", 1)
    assert done.exit_code == exits.USAGE, done.output
    assert said in done.output
    assert not out.exists()


@pytest.mark.parametrize(
    ("folder", "code", "said"),
    [
        ("nowhere", exits.USAGE, "name the folder with sites.csv"),
        ("sites.csv", exits.USAGE, "is a file: name the folder with sites.csv"),
        ("empty", exits.CONFIGURATION, "sites.csv: the whole file: there is no such file"),
    ],
)
def test_what_is_no_record_is_said(tmp_path: Path, folder: str, code: int, said: str) -> None:
    write_folder(tmp_path)
    (tmp_path / "empty").mkdir()
    done = backtest(tmp_path / folder, "--out", tmp_path / "out")
    assert done.exit_code == code, done.output
    assert said in done.output


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--objective", "cost"), "the order cost counts money, and the record has no signals"),
        (("--controller", "tariff"), "the controller tariff goes by prices, and the record has"),
    ],
)
def test_what_needs_prices_is_refused_without_any(
    tmp_path: Path, given: tuple[str, str], said: str
) -> None:
    folder = write_folder(tmp_path, {"signals_hourly.csv": None})
    done = backtest(folder, "--out", tmp_path / "out", *given)
    assert done.exit_code == exits.USAGE, done.output
    assert said in done.output


def test_a_city_whose_pools_pay_nothing_has_no_order_by_cost(
    exported: Path, tmp_path: Path
) -> None:
    asked = ("--city", "one-house", "--objective", "cost")
    done = backtest(exported, "--out", tmp_path / "out", *asked)
    assert done.exit_code == exits.USAGE, done.output
    assert "state it in the city file" in done.output


def test_a_wrong_field_is_named_with_file_line_and_column(tmp_path: Path) -> None:
    text = (write_folder(tmp_path) / "sites_hourly.csv").read_text().replace(",2.0,", ",two,", 1)
    write_folder(tmp_path, {"sites_hourly.csv": text})
    done = backtest(tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == exits.CONFIGURATION
    assert "sites_hourly.csv:2: load_kw: is 'two' (a number of 0 or more)" in done.output


@pytest.mark.parametrize("option", ["--peak-limit", "--demand-price"])
def test_what_the_city_states_is_not_silently_left_out(
    exported: Path, tmp_path: Path, option: str
) -> None:
    city = ("--city", example_city("one-house"))
    done = backtest(exported, "--out", tmp_path, *city, option, "30")
    assert done.exit_code == exits.USAGE, done.output
    assert "change them there" in done.output
