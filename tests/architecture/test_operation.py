"""The run book and the service say what the code does."""

import configparser
import re
import shlex
from collections.abc import Iterator

import pytest
from prometheus_client import generate_latest
from typer.testing import CliRunner

from tests.architecture.house import ROOT
from vpp.cli import exits
from vpp.cli.main import app
from vpp.control.safe_exit import ALL_S
from vpp.domain.ladder import Rung
from vpp.runtime.metrics import DaemonMetrics
from vpp.runtime.state_home import VARIABLE

RUN_BOOK = (ROOT / "docs/runbook.md").read_text()
CODE = re.compile(r'"([A-Z][A-Z_]{3,})"')
OWN_METRICS = generate_latest(DaemonMetrics({}, {}).registry).decode()
FLEET = "".join(
    (ROOT / "vpp/runtime" / name).read_text() for name in ("metrics.py", "day_metrics.py")
)


def section(heading: str) -> str:
    return RUN_BOOK.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def rows(text: str) -> Iterator[str]:
    """First cells of tables, without their marks."""
    for first in re.findall(r"^\| (`?[^|]+`?) \|", text, flags=re.MULTILINE):
        yield from re.findall(r"[A-Za-z0-9_]+", first)


def raised() -> set[str]:
    """Every alarm code: capitals in a module that makes alarms."""
    modules = (path.read_text() for path in (ROOT / "vpp").rglob("*.py"))
    return {code for text in modules if "Alarm(" in text for code in CODE.findall(text)}


def test_every_alarm_has_its_row_and_every_row_its_alarm() -> None:
    codes = raised()
    assert len(codes) > 25
    assert {row for row in rows(section("Alarms")) if row.isupper()} == codes


def test_every_rung_and_every_exit_code_is_explained() -> None:
    assert {rung.name.lower() for rung in Rung} <= set(rows(section("The ladder")))
    codes = {value for name, value in vars(exits).items() if name.isupper() and name != "LEGEND"}
    assert {int(row) for row in rows(section("Start, stop, upgrade")) if row.isdigit()} == codes


def test_every_metric_that_is_to_be_watched_exists() -> None:
    watched = {row for row in rows(section("What to watch")) if "_" in row}
    assert len(watched) > 7
    assert [name for name in watched if f"# TYPE {name} " not in OWN_METRICS + _heads()] == []


def _heads() -> str:
    return "".join(f"# TYPE {name} " for name in re.findall(r'"(vpp_\w+)"', FLEET))


@pytest.fixture
def service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[method-assign,assignment]  # as configparser documents
    unit.read_string((ROOT / "deploy/vpp@.service").read_text())
    return unit["Service"]


def environment(service: configparser.SectionProxy) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", service["Environment"]))


def test_the_service_runs_a_command_that_exists(service: configparser.SectionProxy) -> None:
    command = service["ExecStart"].replace("${VPP_HTTP}", environment(service)["VPP_HTTP"])
    program, *words = shlex.split(command)
    assert program.endswith("/.venv/bin/vpp")
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert done.exit_code == exits.USAGE, "there is no such city file here"
    assert f"there is no file {words[1]!r}" in done.stderr, "and nothing else is wrong"


def test_the_service_leaves_the_daemon_time_to_make_devices_safe(
    service: configparser.SectionProxy,
) -> None:
    assert service["KillMode"] == "mixed", "the planner is the daemon's to end"
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) >= 2 * ALL_S


def test_the_service_does_not_start_again_what_needs_a_person(
    service: configparser.SectionProxy,
) -> None:
    needs_a_person = {exits.USAGE, exits.CONFIGURATION, exits.ALREADY_RUNNING}
    assert set(map(int, service["RestartPreventExitStatus"].split())) == needs_a_person


def test_the_service_keeps_its_state_where_nothing_cleans_up(
    service: configparser.SectionProxy,
) -> None:
    assert environment(service)[VARIABLE] == f"/var/lib/{service['StateDirectory']}"
