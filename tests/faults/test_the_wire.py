"""Devices that fail on the wire, all at once, each in its own way.

Excluded after three failures, counted at their worst, taken back; nobody else is disturbed.
"""

import asyncio
from dataclasses import dataclass

import pytest

from tests.faults.plant import Plant, plant

pytestmark = [
    pytest.mark.timeout(400),  # four patient waits, on a busy machine
    pytest.mark.xdist_group("the wire"),  # one worker lives it, once
]

WAYS = (
    "silent", "refuse", "reset", "slow", "wrong-tid", "zero-tid", "wrong-function", "short-reply",
    "garbage", "exception",
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """The run, and where in it the faults began and ended."""

    made: Plant
    began: int
    """Position in the record."""
    ticks: range
    """From the first tick in which all were away to the last."""
    away_kw: float
    """What the yard was said to exceed its rating by, while all were away."""


async def _run() -> Seen:
    async with plant() as made:
        began, ticked = len(made.audit.records), len(made.views)
        for way in WAYS:
            await made.sim.faults.inject(f"ess-{way}", way.replace("-", "_"))
        await made.until(lambda: not any(made.online(f"ess-{way}") for way in WAYS), "all away")
        away = len(made.views)
        await made.until(lambda: len(made.views) > away + 3, "a few ticks more")
        ticks = range(away, len(made.views))
        over_kw = next(a.text for a in made.views[-1].alarms if a.code == "SHORTFALL")
        await made.sim.faults.clear()
        await made.until(
            lambda: all(
                made.holds(f"bat-{way}", 2.0) and made.decided(f"ess-{way}") for way in WAYS
            ),
            "all taken back",
        )
        assert ticked < away
    return Seen(made, began, ticks, float(over_kw.partition(" kW over ")[0]))


@pytest.fixture(scope="module")
def seen() -> Seen:
    return asyncio.run(_run())


@pytest.mark.parametrize("way", WAYS)
def test_its_loss_is_one_alarm_and_its_return_clears_it(seen: Seen, way: str) -> None:
    assert seen.made.alarms(f"ess-{way}", seen.began) == {"OFFLINE": ["raised", "cleared"]}


@pytest.mark.parametrize("way", WAYS)
def test_while_it_is_away_nothing_is_decided_for_it(seen: Seen, way: str) -> None:
    for view in seen.made.views[seen.ticks.start : seen.ticks.stop]:
        assert not any(f"ess-{way}" in result.decided for result in view.results.values())


@pytest.mark.parametrize("way", WAYS)
def test_no_write_is_repeated(seen: Seen, way: str) -> None:
    assert seen.made.left(f"ess-{way}") > 0
    assert seen.made.repeats(f"ess-{way}") == {}


def test_devices_that_are_not_heard_count_at_their_worst_on_their_feeder(seen: Seen) -> None:
    """Ten of 10 kW each may turn from giving to taking all of it, beneath a feeder of 60 kW."""
    assert 135.0 < seen.away_kw < 150.0


def test_another_device_goes_on_doing_what_it_was_told(seen: Seen) -> None:
    assert seen.made.alarms("ess-peer", seen.began) == {}
    assert seen.made.alarms("asset:bat-peer", seen.began) == {}
    assert seen.made.heard_all_along("ess-peer", seen.ticks.start)
    assert set(seen.made.outcomes("bat-peer", seen.began)) <= {"accepted", "followed"}
