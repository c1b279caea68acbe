"""``vpp audit``: whether the record of what was done is whole."""

import re
from pathlib import Path
from typing import Annotated

import typer

from vpp.cli.daemons import City, Portfolio, directory
from vpp.cli.exits import FAILED, LEGEND, errors, faults_as_exits
from vpp.cli.named import AuditRecord
from vpp.domain.errors import VppError
from vpp.runtime.audit_chain import Verdict
from vpp.runtime.audit_chain import verify as walk
from vpp.runtime.audit_file import NAME, reserve_of

app = typer.Typer(no_args_is_help=True, help="The record of every write and change of authority.")
Holds = Annotated[
    str, typer.Option("--holds", help="A chain noted earlier, which the record must still hold.")
]

_CHAIN = re.compile("[0-9a-f]{64}")


@app.command(epilog=LEGEND)
def verify(
    city: City = None, portfolio: Portfolio = None, file: AuditRecord = None, holds: Holds = ""
) -> None:
    """Walk along the record's hash chain: was a line changed, removed, added or moved?

    Exits with 0 if the chain holds, and with 1 and file and line of the first break if it does
    not. A record cut off at its end still holds: note the newest chain, which this prints,
    elsewhere from time to time, and ask for it with --holds.

    Example: vpp audit verify --city city.yaml
    """
    if file is not None and (city is not None or portfolio is not None):
        raise typer.BadParameter("--file is a record by itself: give no daemon beside it")
    if holds and not _CHAIN.fullmatch(holds):
        problem = f"{holds!r} is no chain: 64 hex digits, as this command prints them"
        raise typer.BadParameter(problem, param_hint="'--holds'")
    path = file if file is not None else directory(city, portfolio) / NAME
    with faults_as_exits():
        if not path.is_file():
            begun = "'vpp run' begins one when it starts, --file names one that is elsewhere"
            raise VppError(f"there is no record {path}: {begun}")
        found = walk(path, reserve_of(path), holds)
        _tell(path, found, holds)
    if found.broken is not None or (holds and not found.seen):
        raise typer.Exit(FAILED)


def _tell(path: Path, found: Verdict, holds: str) -> None:
    if found.broken is not None:
        at = found.broken
        errors.print(f"[bold red]broken:[/] {at.file}:{at.line}: {at.problem}")
        errors.print(f"{found.lines} lines before it hold", style="dim")
        return
    typer.echo(f"{path}: {found.lines} lines hold, chain {found.chain}")
    if found.unchained:
        typer.echo(f"its first {found.unchained} lines are older than the chain")
    if found.unfinished:
        typer.echo("its last line is not finished: being written, or healed at the next start")
    if holds and not found.seen:
        errors.print(f"[bold red]broken:[/] {path}: it does not hold the chain {holds}")
