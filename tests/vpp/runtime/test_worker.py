import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvloop

from tests.soak.sample import family
from tests.vpp.control.planning.cities import NOON, forecast, snapshot, two_sites
from vpp.control.planning_outlook import Outlook
from vpp.control.problems import build
from vpp.domain.errors import PlannerFailed
from vpp.domain.forecast import ForecastRequest, Series
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.plan import Plan
from vpp.domain.plan_check import broken_rules
from vpp.domain.points import Quantity
from vpp.domain.problem import Problem
from vpp.domain.slots import SlotGrid
from vpp.ports.plugins import PLANNERS
from vpp.runtime.worker import PlanningWorker

GRID = SlotGrid.regular(NOON, count=96, step_s=900.0)
DEADLINE_S = 2.5


def problem(**changes: Any) -> Problem:
    forecasts = [
        forecast("home", Quantity.POWER_KW, GRID, 2.0),
        forecast("home", Quantity.AVAILABLE_KW, GRID, np.linspace(8.0, 0.0, 96)),
        forecast("shop", Quantity.POWER_KW, GRID, 5.0),
    ]
    measured = {"home-bat": {Quantity.SOC: 0.5}}
    outlook = Outlook(
        snapshot=snapshot(two_sites(), measured),
        grid=GRID,
        forecasts={(f.subject, f.quantity): f for f in forecasts},
        writable=frozenset([AssetId("home-bat")]),
        **changes,
    )
    return build(two_sites(), PoolId("street"), outlook)


def worker(directory: Path, planner: str = "lp") -> PlanningWorker:
    return PlanningWorker(planner=planner, forecaster="persistence", log=directory / "worker.log")


@pytest.mark.parametrize("planner", ["lp", "rule"])
async def test_a_plan_made_in_the_worker_passes_its_check(tmp_path: Path, planner: str) -> None:
    async with worker(tmp_path, planner) as planning:
        asked = problem()
        assert broken_rules(await planning.plan(asked), asked) == []


def test_a_worker_killed_between_two_requests_is_replaced(tmp_path: Path) -> None:
    async def killed() -> Plan:
        async with worker(tmp_path, "rule") as planning:
            await planning.plan(problem())
            (child,) = _children()
            os.kill(child, signal.SIGKILL)
            async with asyncio.timeout(30):
                while True:  # the loop takes note of its end when it likes
                    with contextlib.suppress(PlannerFailed):
                        return await planning.plan(problem())

    assert broken_rules(uvloop.run(killed()), problem()) == []


def _children() -> list[int]:
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(one) for one in found if b"worker_process" in _command(int(one))]


def _command(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


async def test_a_forecast_made_in_the_worker_answers_every_series(tmp_path: Path) -> None:
    series = Series(
        subject="home",
        quantity=Quantity.POWER_KW,
        start=NOON - timedelta(days=8),
        step_s=900.0,
        values_kw=np.full(8 * 96, 3.0),
    )
    request = ForecastRequest(issued_at=NOON, grid=GRID, series=(series,), time_zone="Asia/Seoul")
    async with worker(tmp_path) as planning:
        (made,) = await planning.forecast(request)
    np.testing.assert_allclose(made.middle_kw, 3.0)


async def test_what_a_worker_learnt_is_known_to_the_next_one_though_the_record_is_lost(
    tmp_path: Path,
) -> None:
    hour = np.arange(20 * 96) // 4 % 24
    series = Series(
        subject="home",
        quantity=Quantity.POWER_KW,
        start=NOON - timedelta(days=20),
        step_s=900.0,
        values_kw=np.where(hour > 16, 5.0, 2.0) + 0.1 * (np.arange(20 * 96) % 2),
    )
    request = ForecastRequest(issued_at=NOON, grid=GRID, series=(series,), time_zone="Asia/Seoul")
    lost = replace(series, start=NOON - timedelta(hours=1), values_kw=series.values_kw[-4:])

    def own(models: Path) -> PlanningWorker:
        log = tmp_path / "worker.log"
        return PlanningWorker(planner="rule", forecaster="model", log=log, models=models)

    async with own(tmp_path / "models") as planning:
        (told,) = await planning.forecast(request)
    async with own(tmp_path / "models") as planning:
        (again,) = await planning.forecast(replace(request, series=(lost,)))
    async with own(tmp_path / "others") as planning:
        (plain,) = await planning.forecast(replace(request, series=(lost,)))
    assert told.source == again.source != plain.source
    assert np.abs(again.middle_kw - told.middle_kw).max() < 0.5


async def test_a_late_worker_is_killed_and_the_next_request_finds_a_cold_one(
    tmp_path: Path,
) -> None:
    async with worker(tmp_path) as planning:
        await planning.plan(problem())
        (warm,) = workers()
        os.kill(warm, signal.SIGSTOP)  # it thinks for ever
        with pytest.raises(PlannerFailed, match="no plan within 0 s; the worker was killed"):
            await planning.plan(problem(deadline_s=0.2))
        assert workers() == []
        await planning.plan(problem())
        assert workers() != [warm]


async def test_loading_the_libraries_is_no_part_of_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "heavy", f"import time\n\ntime.sleep({DEADLINE_S})\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    async with worker(tmp_path, "heavy") as planning:
        asked = problem(deadline_s=DEADLINE_S)
        assert broken_rules(await planning.plan(asked), asked) == []


def install(directory: Path, name: str, code: str) -> None:
    """A planner from elsewhere, of which this code runs when it is loaded."""
    imports = "from optimizer.fallback import RulePlanner\n"
    (directory / f"{name}_planner.py").write_text(f"{imports}{code}")
    metadata = directory / f"{name}-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    entry = f"[{PLANNERS}]\n{name} = {name}_planner:RulePlanner\n"
    (metadata / "entry_points.txt").write_text(entry)


def workers() -> list[int]:
    """Their process ids."""
    return [one.pid for one in family(os.getpid()) if one.name == "worker"]


async def test_a_planner_that_is_not_there_is_a_fault_that_says_so(tmp_path: Path) -> None:
    async with worker(tmp_path, "oracle") as planning:
        with pytest.raises(PlannerFailed, match=r"no vpp\.planners named 'oracle'"):
            await planning.plan(problem())


async def test_the_loop_goes_on_while_the_worker_thinks(tmp_path: Path) -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.005)

    async with worker(tmp_path) as planning:
        beating = asyncio.create_task(beat())
        await planning.plan(problem())
        beating.cancel()
    assert beats > 20
