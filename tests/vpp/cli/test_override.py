"""What an operator is told about an override, by a daemon's own socket."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.vpp.control.planning.cities import two_sites
from vpp.cli import exits
from vpp.cli.main import app
from vpp.ports.sources import SourceRequest
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.command_socket import CommandSocket
from vpp.runtime.sources import command_source


async def said(home: Path, *arguments: str) -> str:
    """The command's words, beside a running source of overrides."""
    portfolio = two_sites()
    state, wire = home / portfolio.id, WireClock()
    state.mkdir(exist_ok=True)
    more = ["--reason", "test", "--portfolio", portfolio.id]

    def given() -> str:
        runner = CliRunner(env={"VPP_STATE_HOME": str(home), "COLUMNS": "160"})
        return runner.invoke(app, ["override", *arguments, *more]).output

    async with CommandSocket(state) as commands:
        request = SourceRequest(
            portfolio=portfolio, state_dir=state, commands=commands, city=CityClock(wire), wire=wire
        )
        async with command_source(request):
            return await asyncio.to_thread(given)


async def test_what_is_beyond_the_ratings_is_said_with_what_holds_instead(tmp_path: Path) -> None:
    words = await said(tmp_path, "home-bat", "--power", "1e9")
    assert "asset:home-bat takes -5 to 4 kW: held at 4 kW" in words
    assert "until" in words


async def test_what_is_inside_them_needs_no_words(tmp_path: Path) -> None:
    words = await said(tmp_path, "home-bat", "--power=-2")
    assert "takes" not in words
    assert words.startswith("override ")


def test_what_lasts_too_long_is_a_wrong_command_line_that_says_how_long_it_may() -> None:
    asked = ["override", "home-bat", "--power", "1", "--reason", "test", "--portfolio", "nobody"]
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app, [*asked, "--for", "5h"])
    assert done.exit_code == exits.USAGE
    assert "'5h' is too long for an override: at most 4h" in done.output


async def test_an_override_that_the_disk_does_not_take_holds_and_says_so(tmp_path: Path) -> None:
    (tmp_path / two_sites().id / "overrides.new").mkdir(parents=True)
    words = await said(tmp_path, "home-bat", "--power=-2")
    assert "a restart of the daemon will not know of this: [Errno 21]" in words
    assert "override " in words


@pytest.mark.parametrize("option", ["--power", "--min", "--max"])
@pytest.mark.parametrize("power", ["nan", "inf", "-inf", "much"])
def test_what_is_no_power_is_told_with_its_option_and_an_example(option: str, power: str) -> None:
    asked = ["override", "home-bat", f"{option}={power}", "--reason", "test"]
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app, [*asked, "--portfolio", "nobody"])
    assert done.exit_code == exits.USAGE
    assert f"'{option}': '{power}' is no power: write kW as a number, like -20" in done.output


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("\x1b]0;mine\x07", "it has the character '\\x1b'"),
        ("one line\nand another", "it has the character '\\n'"),
        (" \u3000 ", "it is missing: it goes on record"),
        ("x" * 201, "it has 201 characters: at most 200 go on record"),
    ],
    ids=["escape", "lines", "blank", "long"],
)
@pytest.mark.parametrize(
    "command",
    [["override", "home-bat", "--power=1"], ["device", "set-authority", "home-ess", "auto"]],
    ids=" ".join,
)
def test_a_reason_that_no_record_takes_is_a_wrong_command_line(
    command: list[str], reason: str, words: str
) -> None:
    asked = [*command, "--reason", reason, "--portfolio", "nobody"]
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app, asked)
    assert done.exit_code == exits.USAGE
    assert f"'--reason': {words}" in done.output
