"""``vpp explain`` as a person reads it."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.vpp.control.planning.cities import NOON, two_sites
from tests.vpp.runtime.reasoned import pool_reason, seen
from vpp.cli import exits
from vpp.cli.main import app
from vpp.control.inputs import Reason
from vpp.domain.audit import AuditRecord, Event
from vpp.runtime.audit_file import NAME as AUDIT
from vpp.runtime.audit_log import AuditLog
from vpp.runtime.reason_log import NAME, ReasonLog

PORTFOLIO = two_sites()


FULL = pool_reason("full")
STOP = AuditRecord(
    event=Event.INTENT,
    at=NOON,
    subject="home-bat",
    command="1",
    who="daemon",
    why="safe state",
    form="stop",
)


async def lived(home: Path, reason: Reason, *records: AuditRecord) -> None:
    """A daemon that decided at noon, and put this on record."""
    async with ReasonLog(home / NAME, PORTFOLIO) as reasons:
        reasons.observe(seen(0, reason))
    async with AuditLog(home / AUDIT, reserve=0) as audit:
        for record in records:
            audit.note(record)


def told(tmp_path: Path, *records: AuditRecord, reason: Reason = FULL) -> str:
    home = tmp_path / PORTFOLIO.id
    home.mkdir()
    asyncio.run(lived(home, reason, *records))
    runner = CliRunner(env={"VPP_STATE_HOME": str(tmp_path), "COLUMNS": "160"})
    done = runner.invoke(app, ["explain", "home-bat", "--portfolio", PORTFOLIO.id])
    assert done.exit_code == exits.OK, done.output
    return done.output


def test_a_time_that_the_citys_clocks_skip_is_a_wrong_command_line(tmp_path: Path) -> None:
    told(tmp_path, STOP)
    runner = CliRunner(env={"VPP_STATE_HOME": str(tmp_path), "COLUMNS": "160"})
    asked = ["explain", "home-bat", "--portfolio", PORTFOLIO.id, "--at", "1987-05-10T02:30"]
    done = runner.invoke(app, asked)
    assert done.exit_code == exits.USAGE, done.output
    assert "'--at'" in done.output
    assert "1987-05-10T01:30+09:00" in done.output


def started(seconds: float, outcome: str) -> AuditRecord:
    return AuditRecord(
        event=Event.LIFECYCLE,
        at=NOON + timedelta(seconds=seconds),
        subject=PORTFOLIO.id,
        who="daemon",
        why="started with epoch 1",
        outcome=outcome,
    )


def test_a_command_without_a_power_is_told_without_a_gap(tmp_path: Path) -> None:
    assert "told: stop by daemon, " in told(tmp_path, STOP)


def test_a_daemon_that_only_observes_is_why_nothing_was_written(tmp_path: Path) -> None:
    said = told(tmp_path, started(-60, "observe"))
    assert "observe by 'vpp run --observe' since" in said
    assert "the daemon only looks; nothing is written to it" in said


def test_one_that_observed_before_or_after_is_not(tmp_path: Path) -> None:
    said = told(tmp_path, started(-60, "observe"), started(-5, ""), started(30, "observe"))
    assert "--observe" not in said


@pytest.mark.parametrize(
    ("did_kw", "rule_kw", "said"),
    [
        (0.0, -12.0, "would give out 12.0 kW, the grid at 0.0 kW import"),
        (5.0, 0.0, "would do nothing, the grid at 12.0 kW import"),
        (-12.0, -12.0, "would give out 12.0 kW, just so"),
    ],
)
def test_what_the_rule_would_have_done_in_the_same_tick_is_told(
    tmp_path: Path, did_kw: float, rule_kw: float, said: str
) -> None:
    kept = pool_reason("kept")._replace(
        net_kw=12.0, power_kw=did_kw, rule_kw=rule_kw, stored_kwh=34.5
    )
    output = told(tmp_path, reason=kept)
    assert "in store above the floors: 34.5 kWh" in output
    assert f"without the plan: the measured-surplus rule {said}" in output
