"""Exit codes and last words of a daemon, whatever went wrong beside."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
import typer

from vpp.cli import exits
from vpp.cli.farewell import farewell
from vpp.control.parting import Ending, Left
from vpp.domain.errors import AlreadyRunning, VppError
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.setpoint import target


@dataclass
class Ended:
    left: Sequence[Left] = ()
    fault: VppError | None = None


def left(*endings: Ending) -> list[Left]:
    asset = AssetId("bat")
    setpoint = target(asset, 0.0, expires_s=1e9, owner="daemon", reason="safe state")
    return [
        Left(asset=asset, device=DeviceId("ess"), setpoint=setpoint, ending=one, at_s=0.0)
        for one in endings
    ]


SAFE, UNSAFE = left(Ending.READ_BACK), left(Ending.READ_BACK, Ending.UNKNOWN)
BROKEN = OSError(28, "No space left on device")


def code_of(daemon: Ended, fault: Exception | None = None) -> int:
    try:
        with farewell() as begun:
            begun(daemon)
            if fault is not None:
                raise fault
    except typer.Exit as end:
        return end.exit_code
    return exits.OK


@pytest.mark.parametrize(
    ("daemon", "fault", "code", "words"),
    [
        (Ended(SAFE), None, exits.OK, "1 of 1 assets read back"),
        (Ended(UNSAFE), None, exits.UNSAFE, "1 of 2 assets read back"),
        (Ended(SAFE), BROKEN, exits.FAILED, "No space left"),
        (Ended(UNSAFE), BROKEN, exits.UNSAFE, "No space left"),
        (Ended(SAFE, VppError("why")), None, exits.FAILED, "failed: why"),
        (Ended(UNSAFE, VppError("why")), None, exits.UNSAFE, "failed: why"),
        (Ended(fault=AlreadyRunning("who")), None, exits.ALREADY_RUNNING, "already running: who"),
    ],
)
def test_devices_that_are_not_safe_are_the_exit_code_before_any_other(
    capfd: pytest.CaptureFixture[str], daemon: Ended, fault: Exception | None, code: int, words: str
) -> None:
    assert code_of(daemon, fault) == code
    out, err = capfd.readouterr()
    assert words in out + err
    if daemon.left:
        assert f"of {len(daemon.left)} assets read back in their safe state" in out
    assert ("no answer in time" in err) is (code == exits.UNSAFE)


@pytest.mark.parametrize(
    ("observe", "words"),
    [
        (False, "1 asset left alone: their authority lets nothing out"),
        (True, "1 asset left alone: --observe lets nothing out"),
    ],
)
def test_what_was_left_alone_says_by_whose_word(
    capfd: pytest.CaptureFixture[str], observe: bool, words: str
) -> None:
    alone = replace(left(Ending.NOT_WRITTEN)[0], detail="authority: authority is observe")
    with farewell(observe=observe) as begun:
        begun(Ended([alone]))
    assert words in capfd.readouterr().out


def test_what_nobody_foresaw_is_raised_after_devices_were_told(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ZeroDivisionError):
        code_of(Ended(UNSAFE), ZeroDivisionError())
    assert "1 of 2 assets read back" in capfd.readouterr().out
