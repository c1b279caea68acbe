"""``vpp explain`` as a person reads it."""

import asyncio
from pathlib import Path

from typer.testing import CliRunner

from tests.vpp.control.planning.cities import NOON, two_sites
from tests.vpp.runtime.test_explaining import pool_reason, seen
from vpp.cli import exits
from vpp.cli.main import app
from vpp.domain.audit import AuditRecord, Event
from vpp.runtime.audit_file import NAME as AUDIT
from vpp.runtime.audit_log import AuditLog
from vpp.runtime.reason_log import NAME, ReasonLog

PORTFOLIO = two_sites()


async def lived(home: Path) -> None:
    """A daemon that stopped the battery at noon."""
    async with ReasonLog(home / NAME, PORTFOLIO) as reasons:
        reasons.observe(seen(0, pool_reason("full")))
    async with AuditLog(home / AUDIT, reserve=0) as audit:
        audit.note(
            AuditRecord(
                event=Event.INTENT,
                at=NOON,
                subject="home-bat",
                command="1",
                who="daemon",
                why="safe state",
                form="stop",
            )
        )


def test_a_command_without_a_power_is_told_without_a_gap(tmp_path: Path) -> None:
    home = tmp_path / PORTFOLIO.id
    home.mkdir()
    asyncio.run(lived(home))
    runner = CliRunner(env={"VPP_STATE_HOME": str(tmp_path), "COLUMNS": "160"})
    done = runner.invoke(app, ["explain", "home-bat", "--portfolio", PORTFOLIO.id])
    assert done.exit_code == exits.OK, done.output
    assert "told: stop by daemon, " in done.output
