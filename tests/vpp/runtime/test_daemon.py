"""The composition root around the smallest city, whose devices nobody serves."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.soak.sample import series
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.domain.errors import ConfigurationError
from vpp.ports.clock import Clocks
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.composition import running
from vpp.runtime.outside import Options
from vpp.runtime.view import View

DAWN = datetime(2026, 7, 14, 20, 30, tzinfo=UTC)


@dataclass
class StallingClock(WireClock):
    """Of a machine that stands still now and then."""

    lost_s: float = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.lost_s


async def test_a_city_whose_ticks_stay_late_goes_on_more_slowly_and_says_so(tmp_path: Path) -> None:
    wire = StallingClock()
    city = CityClock(wire, speed=60.0, start=DAWN)
    views, viewed_s, slower = list[View](), list[float](), list[float]()
    went_on = asyncio.Event()

    def stall(view: View) -> None:
        views.append(view)
        viewed_s.append(wire.monotonic())
        wire.lost_s += 0.25  # more than a tick is long
        if view.speed < 60.0:
            went_on.set()

    def told(speed: float, since_s: float) -> None:
        slower.append(speed)
        assert viewed_s[-1] < since_s <= wire.monotonic(), "in this very tick"

    options = Options(state_dir=tmp_path)
    clocks = Clocks(city=city, wire=wire)
    async with running(load_city(example_city("one-house")), options, clocks) as daemon:
        daemon.on_view(stall)
        daemon.on_speed(told)
        await asyncio.wait_for(went_on.wait(), 30)
    assert slower[0] == 48.0
    assert views[0].pace == "60 x"
    slowed = next(view for view in views if view.speed < 60.0)
    assert slowed.pace.startswith(
        "48 x, slowed from 60 x: ticks or readings were late; faster again"
    )


async def test_metrics_tell_of_the_daemon_itself(tmp_path: Path) -> None:
    wire = WireClock()
    clocks = Clocks(city=CityClock(wire, speed=60.0, start=DAWN), wire=wire)
    house = load_city(example_city("one-house"))
    ticked = asyncio.Event()
    async with running(house, Options(state_dir=tmp_path), clocks) as daemon:
        daemon.on_view(lambda _: ticked.set())
        await asyncio.wait_for(ticked.wait(), 30)
        told = series(daemon.metrics().decode())
    assert told["vpp_tick_lateness_ratio_count"] >= 1
    assert told["vpp_speed_ratio"] == 60.0
    assert told["vpp_tasks"] > 3
    assert told["process_resident_memory_bytes"] > 1e7
    assert told["process_open_fds"] > 3


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("history.db", "HISTORY_LOST"),
        ("audit.jsonl", "AUDIT_LOST"),
        ("reasons.db", "REASONS_LOST"),
    ],
)
async def test_a_damaged_file_is_set_aside_under_an_alarm(
    tmp_path: Path, name: str, code: str
) -> None:
    damage(tmp_path / name)
    clocks = Clocks(city=CityClock(WireClock(), speed=60.0, start=DAWN), wire=WireClock())
    views, viewed = list[View](), asyncio.Event()

    def seen(view: View) -> None:
        views.append(view)
        viewed.set()

    options = Options(state_dir=tmp_path)
    async with running(load_city(example_city("one-house")), options, clocks) as daemon:
        daemon.on_view(seen)
        await asyncio.wait_for(viewed.wait(), 30)
    alarms = {alarm.code: alarm.text for alarm in views[0].alarms}
    assert f"{tmp_path / name.split('.', maxsplit=1)[0]}.damaged-" in alarms[code]
    assert [found for found in alarms if found.endswith("_LOST")] == [code]


async def test_a_daemon_whose_lock_nobody_can_see_is_not_ready_and_goes_on(tmp_path: Path) -> None:
    clocks = Clocks(city=CityClock(WireClock(), speed=60.0, start=DAWN), wire=WireClock())
    directory, away, ticked = tmp_path / "state", tmp_path / "away", asyncio.Event()
    directory.mkdir()
    options = Options(state_dir=directory)
    async with running(load_city(example_city("one-house")), options, clocks) as daemon:
        directory.rename(away)
        directory.write_text("in its way")
        daemon.on_view(lambda _: ticked.set())
        await asyncio.wait_for(ticked.wait(), 30)
        assert daemon.lacks() == ["its lock file cannot be seen: nothing is written"]
        assert not daemon.over.is_set()
        directory.unlink()
        away.rename(directory)
        assert any("is not heard" in lack for lack in daemon.lacks())


HOUSE = {"options: {unit: 1}}": "options: {unit: 1, heartbeat_s: 20}}"}
HYBRID = {
    "{id: apt-05-pv, ": "{id: apt-05-pv, curtailable: true, ",
    "{asset: apt-05-pv}]": "{asset: apt-05-pv, writes: true}]",
    "ac_rating_kw: 50}": "ac_rating_kw: 50, watchdog_s: 30}",
}


@pytest.mark.parametrize(
    ("city", "edits", "device", "wants"),
    [
        ("one-house", HOUSE, "house-ess", "wants another heartbeat within 20 s"),
        ("city-20", HYBRID, "apt-05-hybrid", "wants to be written within 30 s"),
    ],
)
async def test_a_speed_at_which_a_watchdog_would_fire_is_refused(
    tmp_path: Path, city: str, edits: Mapping[str, str], device: str, wants: str
) -> None:
    text, file = example_city(city).read_text(), tmp_path / "city.yaml"
    for usual, given in edits.items():
        assert text.count(usual) == 1
        text = text.replace(usual, given)
    file.write_text(text)
    line = next(n for n, one in enumerate(text.splitlines(), 1) if f"{{id: {device}," in one)
    clocks = Clocks(city=CityClock(WireClock(), speed=600.0, start=DAWN), wire=WireClock())
    with pytest.raises(ConfigurationError) as refused:
        async with running(load_city(file), Options(state_dir=tmp_path), clocks):
            pytest.fail("it runs")
    (mistake,) = refused.value.mistakes
    assert (mistake.file, mistake.line) == (str(file), line)
    assert mistake.problem == (
        f"its watchdog {wants}, which is shorter than two refreshes of 120 s at this speed"
    )
    assert mistake.remedy == "a lower --speed"


def damage(history: Path) -> None:
    history.write_bytes(b"no database at all" * 500)
