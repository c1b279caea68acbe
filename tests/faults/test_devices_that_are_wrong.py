"""Devices that answer, and do or say something else than they should, all at once."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.faults.plant import Plant, plant
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.points import Quantity

pytestmark = [
    pytest.mark.timeout(400),  # four patient waits, on a busy machine
    pytest.mark.xdist_group("devices that are wrong"),  # one worker lives it, once
]

WAYS = ("wrong-echo", "ack-and-ignore", "frozen", "sentinel", "sign-flip", "reboot")
COMING_BACK = tuple(way for way in WAYS if way != "sign-flip")
SWAPPED = ("swapped", "swapper")
LASTS_CITY_S = 70.0
"""Longer than a setpoint lives."""
SAID = {
    "wrong-echo": "UNKNOWN_OUTCOME",
    "ack-and-ignore": "NOT_OBEYING",
    "frozen": "FROZEN",
    "sentinel": "UNMEASURED",
    "sign-flip": "SIGN_SUSPECT",
    "swapped": "WRONG_DEVICE",
    "swapper": "WRONG_DEVICE",
}
AT_REST = ("frozen", "sign-flip", "sentinel", *SWAPPED)
"""Those that end in their safe state."""
DETAILS: dict[str, dict[str, Any]] = {"sentinel": {"point": "W"}, "wrong-echo": {"for_s": 15.0}}


@dataclass
class Seen:
    made: Plant
    began: int
    """Position in the record."""
    true_kw: dict[str, float] = field(default_factory=dict)
    """Of every battery at the end of the faults, by the physics."""
    decided: dict[str, bool] = field(default_factory=dict)
    """Whether it was decided in the last tick of the faults."""
    written: dict[str, list[int]] = field(default_factory=dict)
    """Writes that each swapped device had received when the swap was noticed, and at its end."""
    codes: dict[str, set[str]] = field(default_factory=dict)
    """Alarms of every battery during the faults."""


async def _run() -> Seen:
    async with plant() as made:
        seen = Seen(made, len(made.audit.records))
        for way in WAYS:
            details = DETAILS.get(way, {})
            await made.sim.faults.inject(f"ess-{way}", way.replace("-", "_"), **details)
        await made.sim.faults.inject("ess-swapped", "swap", other="ess-swapper")
        for way in WAYS:
            made.overrides.wishes_kw[AssetId(f"bat-{way}")] = 4.0
        began_s = made.views[-1].snapshot.now_s
        await made.until(lambda: all(_stands(made, one) for one in SWAPPED), "both wrong")
        seen.written = {one: [_writes(made, one)] for one in SWAPPED}
        await made.until(
            lambda: made.views[-1].snapshot.now_s > began_s + LASTS_CITY_S, "the end of the faults"
        )
        await made.until(
            lambda: all(code in _codes(seen, way) for way, code in SAID.items()), "all alarms"
        )
        await made.until(
            lambda: (
                all(abs(made.true_kw(f"bat-{way}")) < 0.05 for way in AT_REST)
                and made.true_kw("bat-reboot") > 3.8
            ),
            "safe states, and the rebooted one told again",
        )
        for way in (*WAYS, *SWAPPED):
            seen.true_kw[way] = made.true_kw(f"bat-{way}")
            seen.decided[way] = made.decided(f"ess-{way}")
            seen.codes[way] = _codes(seen, way)
        for way in SWAPPED:
            seen.written[way].append(_writes(made, way))
        await made.sim.faults.clear()
        await made.until(
            lambda: all(made.true_kw(f"bat-{way}") > 3.7 for way in COMING_BACK), "all taken back"
        )
        await made.until(
            lambda: not any(_stands(made, way) for way in COMING_BACK), "all alarms cleared"
        )
    return seen


def _codes(seen: Seen, way: str) -> set[str]:
    """Alarms of its device and its battery since the faults began."""
    subjects = f"ess-{way}", f"asset:bat-{way}"
    return {code for subject in subjects for code in seen.made.alarms(subject, seen.began)}


def _writes(made: Plant, way: str) -> int:
    return len(made.sim.write_log.of(f"ess-{way}"))


def _stands(made: Plant, way: str) -> bool:
    return any(a.subject in (f"asset:bat-{way}", f"ess-{way}") for a in made.views[-1].alarms)


@pytest.fixture(scope="module")
def seen() -> Seen:
    return asyncio.run(_run())


@pytest.mark.parametrize(("way", "code"), SAID.items())
def test_what_is_wrong_is_said_once(seen: Seen, way: str, code: str) -> None:
    assert code in seen.codes[way]
    subject = f"ess-{way}" if code == "WRONG_DEVICE" else f"asset:bat-{way}"
    changes = seen.made.alarms(subject, seen.began)[code]
    assert changes == (["raised", "cleared"] if way in COMING_BACK else ["raised"])


@pytest.mark.parametrize("way", AT_REST)
def test_it_ends_in_its_safe_state(seen: Seen, way: str) -> None:
    """Zero, by a write or by its own timer, whatever it reports."""
    assert seen.true_kw[way] == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("way", ["sentinel", "sign-flip", *SWAPPED])
def test_nothing_is_decided_for_what_cannot_be_trusted(seen: Seen, way: str) -> None:
    assert not seen.decided[way]


@pytest.mark.parametrize("way", [*WAYS, *SWAPPED])
def test_no_write_is_repeated(seen: Seen, way: str) -> None:
    assert seen.made.repeats(f"ess-{way}") == {}


@pytest.mark.parametrize("way", SWAPPED)
def test_nothing_is_written_where_another_device_answers(seen: Seen, way: str) -> None:
    noticed, ended = seen.written[way]
    assert noticed == ended > 0


def test_a_rebooted_device_is_told_again(seen: Seen) -> None:
    """The loss of its setpoint is an alarm if a new command has not made it good before.

    A command that was on its way while the device went down is not answered, and said to be so;
    where its start takes longer than a reading holds, on a busy machine, that is said, too.
    """
    assert seen.true_kw["reboot"] == pytest.approx(4.0, abs=0.2)
    assert seen.codes["reboot"] <= {"REBOOTED", "UNKNOWN_OUTCOME", "UNMEASURED"}


def test_a_flipped_sign_ends_control_until_somebody_gives_it_back(seen: Seen) -> None:
    assert seen.made.room.authority.of(DeviceId("ess-sign-flip")) is Authority.OBSERVE


def test_an_unanswered_write_is_believed_once_it_is_read_back(seen: Seen) -> None:
    told = seen.made.outcomes("bat-wrong-echo", seen.began)
    assert [one for one in told if one != "accepted"][-1] == "followed"


def test_others_are_not_disturbed(seen: Seen) -> None:
    assert seen.made.alarms("ess-peer", seen.began) == {}
    assert seen.made.alarms("asset:bat-peer", seen.began) == {}
    power = seen.made.views[-1].snapshot.asset(AssetId("bat-peer"), Quantity.POWER_KW)
    assert power == pytest.approx(2.0, abs=0.2)
