"""What a daemon's successor goes on with: budgets, the ledger, and limits that must not lapse."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.vpp.control.living.fakes import FakeAudit
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.control.gate_ledger import GateLedger
from vpp.control.inputs import Alarm, PoolModel
from vpp.control.pace import Pace
from vpp.control.state import ControlState
from vpp.control.state_codec import encode
from vpp.domain.capability import AllowedSet, Capability, Form
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, PoolId
from vpp.ports.clock import Clocks
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.composition import running
from vpp.runtime.memory_file import NAME, Memory
from vpp.runtime.outside import Options
from vpp.runtime.view import View

HOUSE = load_city(example_city("one-house"))
POOL, BATTERY = PoolId("house"), AssetId("house-bat")
ABLE = Capability(forms=frozenset({Form.TARGET}), allowed=AllowedSet.between(-5.0, 5.0))
DAWN = datetime(2026, 7, 14, 20, 30, tzinfo=UTC)
LIMIT = f"""
- id: feeder-7
  scope: pool:house
  owner: grid
  reason: works on the feeder
  hi_kw: 30
  until: "{(DAWN + timedelta(minutes=2)).isoformat()}"
  ending: failsafe
  failsafe_hi_kw: 5
"""


def beginning(at: datetime) -> Pace:
    wire = WireClock()
    return Pace(clocks=Clocks(city=CityClock(wire, speed=60.0, start=at), wire=wire))


async def lived(
    home: Path, begins: datetime, until: Callable[[View], bool] = lambda view: True
) -> View:
    """A daemon's life until a view is as wanted, which is given back."""
    views, seen = list[View](), asyncio.Event()

    def look(view: View) -> None:
        if not seen.is_set() and until(view):
            views.append(view)
            seen.set()

    async with running(HOUSE, Options(state_dir=home), beginning(begins).clocks) as daemon:
        daemon.on_view(look)
        await asyncio.wait_for(seen.wait(), 60)
    return views[0]


def started(home: Path, begins: datetime) -> tuple[Memory, ControlState]:
    """What a daemon would begin with."""
    pace = beginning(begins)
    of = Memory(home / NAME, HOUSE.portfolio, pace, ours=lambda: True)
    facts = {DeviceId("house-ess"): DeviceFacts(capabilities={BATTERY: ABLE})}
    model = PoolModel(portfolio=HOUSE.portfolio, pool=POOL, facts=facts)
    return of, of.start(model, pace.city.monotonic())


def counts(state: ControlState) -> tuple[float, float]:
    """Writes and starts of the battery."""
    at = state.assets.index(BATTERY)
    return float(state.memory.writes[at]), float(state.memory.starts[at])


def fallen(view: View) -> Alarm | None:
    return next((alarm for alarm in view.alarms if alarm.code == "GRID_FAILSAFE"), None)


def is_fallen(view: View) -> bool:
    return fallen(view) is not None


def memory(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / NAME).read_text())
    return found


def remember(home: Path, **changes: Any) -> None:
    ledger = {
        "days": [{"day": 20647, "given_up_kwh": 1.5, "import_kwh": 20.0}],
        "ahead_kwh": 0.0,
    }
    house = {
        "day": 20648, "ledger": ledger, "writes": {"house-bat": 9}, "starts": {"house-bat": 3},
    }  # fmt: skip
    said = {
        "version": 1, "unseen_s": 0.0, "day": "2026-07-14", "writes": {"house-ess": 7},
        "pools": {"house": house}, "limits": [],
    }  # fmt: skip
    (home / NAME).write_text(json.dumps({**said, **changes}))


async def test_a_limit_that_ended_stands_although_its_file_is_gone_before_the_next_start(
    tmp_path: Path,
) -> None:
    (tmp_path / "proposals.yaml").write_text(LIMIT)
    await lived(tmp_path, DAWN, is_fallen)
    (tmp_path / "proposals.yaml").unlink()
    alarm = fallen(await lived(tmp_path, DAWN + timedelta(hours=2)))
    assert alarm is not None
    assert alarm.subject == "pool:house"
    assert "grid's feeder-7 ended without a new one: -inf to 5 kW" in alarm.text


async def test_writes_of_the_day_and_the_ledger_go_on(tmp_path: Path) -> None:
    remember(tmp_path)
    unseen: list[float] = []

    def is_kept(_: View) -> bool:
        unseen.append(memory(tmp_path)["unseen_s"])
        return unseen[-1] > 0

    await lived(tmp_path, DAWN, is_kept)
    assert unseen[-1] == 120.0, "two looks at 60 x, which would be missing had it died"
    kept = memory(tmp_path)
    assert (kept["day"], kept["unseen_s"], kept["writes"]["house-ess"]) == ("2026-07-14", 0.0, 7)
    house = kept["pools"]["house"]
    assert (house["writes"], house["starts"]) == ({"house-bat": 9}, {"house-bat": 3})
    assert house["ledger"]["days"][0] == {"day": 20647, "given_up_kwh": 1.5, "import_kwh": 20.0}


def full(disk: Path) -> None:
    disk.symlink_to("/dev/full")


@pytest.mark.parametrize(
    ("obstruct", "clear", "words"),
    [
        (Path.mkdir, Path.rmdir, "memory.new'; move away what stands in its place"),
        (full, Path.unlink, "No space left on device; free space on that disk"),
    ],
    ids=["a folder", "a full disk"],
)
async def test_what_cannot_be_kept_is_an_alarm_until_it_can(
    tmp_path: Path, obstruct: Callable[[Path], None], clear: Callable[[Path], None], words: str
) -> None:
    obstacle = tmp_path / "memory.new"
    obstruct(obstacle)
    alarms, cleared = list[Alarm](), asyncio.Event()

    def look(view: View) -> None:
        found = [one for one in view.alarms if one.code == "MEMORY_UNKEPT"]
        if found and not alarms:
            alarms.extend(found)
            clear(obstacle)
        if alarms and not found:
            cleared.set()

    async with running(HOUSE, Options(state_dir=tmp_path), beginning(DAWN).clocks) as daemon:
        daemon.on_view(look)
        await asyncio.wait_for(cleared.wait(), 60)
        assert memory(tmp_path)["unseen_s"] > 0
    (alarm,) = alarms
    assert words in alarm.text


async def test_a_damaged_file_is_set_aside_under_an_alarm(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("{")
    view = await lived(tmp_path, DAWN)
    (alarm,) = [one for one in view.alarms if one.code == "MEMORY_LOST"]
    assert "have the limits given anew" in alarm.text
    assert memory(tmp_path)["version"] == 1


@pytest.mark.parametrize(
    "damage",
    [
        "[]",
        "{",
        '{"version": 2}',
        '{"version": 1, "writes": 3}',
        '{"version": 1, "writes": {"house-ess": -1000}}',
        '{"version": 1, "unseen_s": 1e300}',
        '{"version": 1, "unseen_s": -1}',
    ],
)
def test_what_is_no_memory_is_kept_beside_it(tmp_path: Path, damage: str) -> None:
    (tmp_path / NAME).write_text(damage)
    of, _ = started(tmp_path, DAWN)
    (aside,) = tmp_path.glob("memory.damaged-*.json")
    assert of.set_aside == aside
    assert aside.read_text() == damage


def test_nothing_else_of_the_old_state_comes_back(tmp_path: Path) -> None:
    _, blank = started(tmp_path, DAWN)
    remember(tmp_path)
    _, state = started(tmp_path, DAWN)
    assert counts(state) == (9.0, 3.0)
    again = replace(
        state, day=0, ledger=blank.ledger, started_s=blank.started_s, last_s=blank.last_s,
        memory=replace(state.memory, writes=blank.memory.writes, starts=blank.memory.starts),
        row_memory=blank.row_memory,
    )  # fmt: skip
    assert encode(again) == encode(blank)


def test_who_died_is_thought_to_have_written_what_he_had_no_time_to_count(tmp_path: Path) -> None:
    remember(tmp_path, unseen_s=12.0)
    _, state = started(tmp_path, DAWN)
    assert counts(state) == (9.0 + 3.0, 3.0 + 3.0), "every 5 s"


@pytest.mark.parametrize(("later", "left"), [(timedelta(0), False), (timedelta(days=1), True)])
def test_the_gate_has_the_budget_of_the_day(tmp_path: Path, later: timedelta, left: bool) -> None:
    remember(tmp_path, unseen_s=12.0)
    of, _ = started(tmp_path, DAWN + later)
    ess = DeviceId("house-ess")
    facts = DeviceFacts(writes_per_day=10)
    gate = GateLedger(FakeAudit(), beginning(DAWN + later).city)
    of.resume(gate, {ess: facts})
    assert gate.budget_left(ess, facts) is left
    assert gate.budget_left(ess, DeviceFacts(writes_per_day=11)), "not more than could be"


def test_a_limit_that_had_not_ended_ends_while_nobody_runs(tmp_path: Path) -> None:
    limit = {
        "id": "y", "scope": "pool:house", "owner": "grid", "reason": "r", "ending": "failsafe",
        "until": DAWN.isoformat(), "failsafe_hi_kw": 5.0,
    }  # fmt: skip
    gone = {**limit, "id": "x", "scope": "site:gone"}
    remember(tmp_path, limits=[gone, limit])
    _, before = started(tmp_path, DAWN - timedelta(hours=1))
    assert (list(before.limits), list(before.lapsed)) == (["y"], [])
    _, after = started(tmp_path, DAWN + timedelta(hours=1))
    assert (list(after.limits), list(after.lapsed)) == (["y"], ["y"])


@pytest.mark.parametrize("zone", ["Z", "+09:00", "-09:00"])
async def test_a_limit_that_ended_with_the_first_year_is_kept_as_ended(
    tmp_path: Path, zone: str
) -> None:
    """Programs say so of a time that they do not know."""
    limit = {
        "id": "y", "scope": "pool:house", "owner": "grid", "reason": "r", "ending": "failsafe",
        "until": f"0001-01-01T00:00:00{zone}", "failsafe_hi_kw": 5.0,
    }  # fmt: skip
    remember(tmp_path, limits=[limit])
    of, _ = started(tmp_path, DAWN)
    await of.keep(GateLedger(FakeAudit(), beginning(DAWN).city), ended=True)
    (kept,) = memory(tmp_path)["limits"]
    assert kept["until"].startswith("2026-07-13")
    _, after = started(tmp_path, DAWN)
    assert (list(after.limits), list(after.lapsed)) == (["y"], ["y"])


async def test_who_dies_before_the_first_tick_loses_nothing_of_what_was_not_counted(
    tmp_path: Path,
) -> None:
    remember(tmp_path, unseen_s=12.0)
    of, _ = started(tmp_path, DAWN)
    await of.keep(GateLedger(FakeAudit(), beginning(DAWN).city))
    assert memory(tmp_path)["unseen_s"] == 2.0 + 12.0
    assert memory(tmp_path)["pools"]["house"]["writes"] == {"house-bat": 9}
