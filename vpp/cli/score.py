"""``vpp score``: how good the days were that a daemon has lived."""

from datetime import date
from typing import Annotated

import msgspec
import typer

from vpp.cli.console import console
from vpp.cli.daemons import City, Portfolio, directory
from vpp.cli.exits import faults_as_exits
from vpp.domain.errors import VppError

From = Annotated[
    str | None, typer.Option("--from", help="First local day, as 2026-07-15.", metavar="DAY")
]
To = Annotated[str | None, typer.Option("--to", help="Last local day.", metavar="DAY")]
As_json = Annotated[bool, typer.Option("--json", help="Everything that is known, as JSON.")]


def score(
    city: City = None,
    portfolio: Portfolio = None,
    since: From = None,
    until: To = None,
    as_json: As_json = False,
) -> None:
    """How good was each day? Against perfect foresight, and by what it lost.

    Reads what a daemon keeps, whether it still runs or not. A daemon judges a day ten minutes after
    its end, on what it measured itself.

    Example: vpp score --city city.yaml --from 2026-07-01
    """
    first, last = _day(since, "--from", date.min), _day(until, "--to", date.max)
    if last < first:
        raise typer.BadParameter(f"--to {last} is before --from {first}")
    with faults_as_exits():
        from vpp.cli.score_line import table
        from vpp.runtime.score_book import NAME, ScoreBook

        path = directory(city, portfolio) / NAME
        if portfolio is not None and not path.parent.is_dir():
            raise VppError(
                f"there is no portfolio {portfolio!r} on this host: no daemon has kept anything in"
                f" {path.parent}; another VPP_STATE_HOME hides it, too"
            )
        if not path.is_file():
            raise VppError(
                f"no day is scored yet: a daemon begins {path} in the first night that it lives"
                " through"
            )
        kept = ScoreBook(path).all
        if not kept:
            raise VppError(f"no line of {path} can be read; the daemon goes on beneath them")
        found = [one for one in kept if first <= one.date <= last]
        if not found:
            raise VppError("none of these days is scored; without --from and --to all are shown")
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
            return
        console().print(table(found))
        for one in found:
            if one.bad or one.unjudged:
                console().print(f"{one.pool}, {one.sentence}", highlight=False, soft_wrap=True)


def _day(text: str | None, option: str, otherwise: date) -> date:
    try:
        return otherwise if text is None else date.fromisoformat(text)
    except ValueError as error:
        problem = f"{text!r} is no day; write 2026-07-15"
        raise typer.BadParameter(problem, param_hint=repr(option)) from error
