"""A daemon that starts after a day's end judges it in a process of its own, and shows what came."""

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.vpp.runtime.test_judge_process import judge_of
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.domain.day import Cause
from vpp.domain.history import Mean
from vpp.domain.points import Quantity
from vpp.ports.clock import Clocks
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.command_socket import ask
from vpp.runtime.composition import running
from vpp.runtime.daemon import Daemon
from vpp.runtime.history_sqlite import SqliteHistory
from vpp.runtime.outside import Options
from vpp.runtime.score_book import NAME
from vpp.runtime.view import View

HOUSE = load_city(example_city("one-house"))
MIDNIGHT = datetime(2026, 7, 14, 15, 0, tzinfo=UTC)
"""Of the fifteenth of July in the house's time zone."""


async def wasted(directory: Path) -> None:
    """A day on record in which a battery lay idle beside sun and an evening."""
    hour = np.arange(96) / 4
    sun_kw = 4.0 * np.maximum(np.sin((hour - 6) / 12 * np.pi), 0.0)
    rows = {
        ("house", Quantity.POWER_KW): 1.0 - sun_kw,
        ("house-pv", Quantity.POWER_KW): -sun_kw,
        ("house-bat", Quantity.POWER_KW): np.zeros(96),
        ("house-bat", Quantity.SOC): np.full(96, 0.1),
    }
    day = MIDNIGHT - timedelta(days=1)
    async with SqliteHistory(directory / "history.db") as history:
        await history.append(
            [
                Mean(
                    subject=subject, quantity=quantity, start=day + slot * timedelta(minutes=15),
                    step_s=900.0, value=float(value), coverage=1.0,
                )
                for (subject, quantity), values in rows.items()
                for slot, value in enumerate(values)
            ]
        )  # fmt: skip


async def seen(daemon: Daemon) -> View:
    """The first view with a score in it."""
    there, found = asyncio.Event(), list[View]()

    def look(view: View) -> None:
        if view.scores and any(alarm.code == "BAD_DAY" for alarm in view.alarms):
            found.append(view)
            there.set()

    daemon.on_view(look)
    await asyncio.wait_for(there.wait(), 60)
    return found[0]


def clocks() -> Clocks:
    wire = WireClock()
    start = MIDNIGHT + timedelta(minutes=9)
    return Clocks(city=CityClock(wire, speed=60.0, start=start), wire=wire)


async def test_a_bad_day_is_shown_alarmed_and_kept(tmp_path: Path) -> None:
    await wasted(tmp_path)
    async with running(HOUSE, Options(state_dir=tmp_path), clocks()) as daemon:
        view = await seen(daemon)
        told = daemon.metrics().decode()
        status = await ask(tmp_path, {"verb": "status"})
    (score,) = view.scores.values()
    assert score.bad
    (alarm,) = [one for one in view.alarms if one.code == "BAD_DAY"]
    assert alarm.subject == "house"
    assert alarm.text == score.sentence
    assert status["pool:house"]["score"]["date"] == "2026-07-14"
    assert status["pool:house"]["score"]["reached"]["causes"].keys() == set(Cause)
    assert 'vpp_day_bad{pool="house"} 1\n' in told
    assert 'vpp_alarms_by_code{code="BAD_DAY"} 1\n' in told
    assert len((tmp_path / NAME).read_text().splitlines()) == 1


async def test_ticks_go_on_while_the_judge_is_killed_and_another_one_judges(
    tmp_path: Path,
) -> None:
    await wasted(tmp_path)
    async with running(HOUSE, Options(state_dir=tmp_path), clocks()) as daemon:
        os.kill(await judge_of(os.getpid()), signal.SIGKILL)
        killed_at = 0 if daemon.view is None else daemon.view.snapshot.tick
        view = await seen(daemon)
        assert daemon.ills() == []
    assert view.snapshot.tick > killed_at
    assert view.scores.keys() == HOUSE.portfolio.pools.keys()
