"""``vpp check``: is the city file right, is the city safe without us, and do its devices answer?"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

from vpp.cli.console import console, counted
from vpp.cli.exits import CONFIGURATION, FAILED, UNSAFE, faults_as_exits, say_wrong
from vpp.cli.named import CityFile
from vpp.cli.probe_table import show
from vpp.config.advice import advice
from vpp.config.city import City, load_city
from vpp.config.proof import Row, prove
from vpp.domain.network import Unit
from vpp.runtime.links import check_links
from vpp.runtime.probe import Finding, probe
from vpp.runtime.simulated_city import check as check_simulation

LAST_PORT = 65535
_UNITS = {Unit.KW: "kW", Unit.KVA: "kVA", Unit.A_PER_PHASE: "A/phase"}
BasePort = Annotated[
    int | None,
    typer.Option(
        "--base-port",
        min=1,
        max=LAST_PORT,
        help="What `port_offset` counts from (simulated cities).",
    ),
]


def check(
    file: CityFile,
    contact: Annotated[
        bool, typer.Option("--probe", help="Contact every device that no running daemon holds.")
    ] = False,
    terms: Annotated[
        bool, typer.Option("--terms", help="Show what each sum of the proof is made of.")
    ] = False,
    base_port: BasePort = None,
) -> None:
    """Validate a city file, and prove that every rating holds with the controller dead.

    With --probe, also ask every device who it is and what it measures; nothing is written. What a
    running daemon of the portfolio has, and what shares a link with that, is named and left alone.
    Exit code 1 where a device does not answer as it should, 5 where a rating does not hold.

    Example: vpp check city.yaml --probe
    """
    out = console()
    with faults_as_exits():
        city = load_city(file, base_port=base_port)
        measures = check_links(city)
        _check_simulation(city, file, base_port)
        rows = prove(city.portfolio)
        out.print(_summary(city))
        out.print(_proof(rows, terms=terms))
        found = asyncio.run(probe(city)) if contact else ()
    if contact:
        show(found, out)
    broken = [row for row in rows if not row.holds]
    for row in broken:
        out.print(
            f"[red]{row.node}: {row.case}: {row.sum:.1f} {_UNITS[row.unit]} exceeds"
            f" {row.rating:.1f}[/]"
        )
    silent = [finding for finding in found if not finding.well]
    told = {one.device: frozenset(one.measured) for one in found if one.well and not one.held}
    today = datetime.now(ZoneInfo(city.portfolio.time_zone)).date()
    for note in advice(city, {**measures, **told}, today=today):
        out.print(f"[yellow]look at:[/] {escape(str(note))}", soft_wrap=True)
    out.print(_of_ratings(rows, broken), soft_wrap=True)
    if found:
        out.print(_of_devices(found, silent), soft_wrap=True)
    if broken or silent:
        raise typer.Exit(UNSAFE if broken else FAILED)


def _check_simulation(city: City, file: Path, base_port: int | None) -> None:
    """Have the simulators read their part, where the file has one."""
    ports = () if base_port is None else ("--base-port", str(base_port))
    if city.simulation and (wrong := asyncio.run(check_simulation(file, *ports))):
        say_wrong(wrong)
        raise typer.Exit(CONFIGURATION)


def _of_ratings(rows: Sequence[Row], broken: Sequence[Row]) -> str:
    """Whether they hold, and what to do."""
    said = f"{len(rows) - len(broken)} of {len(rows)} ratings hold with the controller dead"
    if not broken:
        return f"[bold green]ok:[/] {said}"
    remedy = "raise the rating, or choose a safe state that takes less (--terms: the sums)"
    return f"[bold red]unsafe:[/] {said}; {remedy}"


def _of_devices(found: Sequence[Finding], silent: Sequence[Finding]) -> str:
    """Whether they answer, and what to do."""
    asked = [finding for finding in found if not finding.held]
    said = []
    if asked:
        said.append(f"{len(asked) - len(silent)} of {len(asked)} devices answer as they should")
    if others := len(found) - len(asked):
        said.append(f"{others} left to the daemon that runs")
    if not silent:
        return f"[bold green]ok:[/] {', '.join(said)}"
    names = ", ".join(one.device for one in silent[:5])
    names += f" and {len(silent) - 5} more" if len(silent) > 5 else ""
    return (
        f"[bold red]not ready:[/] {', '.join(said)}; why {names} did not stands above: see to"
        " power, cable, address, and to who else is connected, then probe again; until then 'vpp"
        " run' counts them at their worst and controls the others"
    )


def _summary(city: City) -> str:
    parts = city.portfolio
    return (
        f"{parts.name} ({parts.id}): {counted(len(parts.sites), 'site')} in"
        f" {counted(len(parts.pools), 'pool')}, {counted(len(parts.assets), 'asset')},"
        f" {counted(len(parts.devices), 'device')} on {counted(len(parts.links), 'link')},"
        f" order {parts.goals.order}: the file is right"
    )


def _proof(rows: tuple[Row, ...], *, terms: bool) -> Table:
    table = Table(
        title="With the controller dead: devices in their safe states", title_justify="left"
    )
    for name in ("node", "case"):
        table.add_column(name)
    for name in ("sum", "rating", "margin"):
        table.add_column(name, justify="right")
    table.add_column("unit")
    if terms:
        table.add_column("made of")
    for row in rows:
        mark = "" if row.holds else "[red]"
        parts = " + ".join(f"{name} {value:.1f}" for name, value in row.terms) if terms else None
        cells = [
            f"{mark}{row.node}", row.case, f"{row.sum:.1f}", f"{row.rating:.1f}",
            f"{mark}{row.margin:.1f}", _UNITS[row.unit],
        ]  # fmt: skip
        table.add_row(*cells, *([parts] if parts is not None else []))
    return table
