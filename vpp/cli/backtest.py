"""``vpp backtest``: how good a controller would have been on recorded data."""

from datetime import UTC, datetime
from enum import StrEnum
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from vpp.cli.console import console
from vpp.cli.exits import INTERRUPTED, as_usage, errors, faults_as_exits
from vpp.cli.interrupts import never_lost
from vpp.cli.named import EvSessions, Foreseen, Planner, Record, RecordedCity, Results
from vpp.cli.said import number
from vpp.cli.spans import local, moment, seconds

if TYPE_CHECKING:
    from vpp.backtest.data import Recording
    from vpp.backtest.figures import Figures
    from vpp.backtest.study import Answer, Ask


UNFINISHED = ".unfinished"
"""Within the folder for the results: how far an interrupted run had come."""
WHOLE_TABLE = 120
"""Characters of a terminal from which on every column has room for its figures."""
MAIN_COLUMNS = ("self-consumption", "self-sufficiency", "cost", "peak kW", "daily peak kW")

Kind = TypeVar("Kind", bound=StrEnum)


def backtest(
    data_dir: Record,
    out: Results,
    controller: Annotated[
        str,
        typer.Option(
            "--controller",
            help="none; inverter, each on its own rule; community, by all sites' surplus; tariff,"
            " by the hour's price; plan.",
        ),
    ] = "plan",
    objective: Annotated[
        str | None, typer.Option("--objective", help="local, cost or grid; the city's.")
    ] = None,
    forecast: Foreseen = None,
    planner: Planner = "lp",
    allowance: Annotated[
        float | None,
        typer.Option(
            "--allowance",
            metavar="PART",
            parser=number("no part from 0 to 1, like 0.001", least=0.0, most=1.0),
            help="Part of the import that side goals may cost; the city's, else 0.001.",
        ),
    ] = None,
    peak_limit: Annotated[
        float | None,
        typer.Option(
            "--peak-limit",
            metavar="KW",
            parser=number("no limit in kW, like 40", least=0.0),
            help="Contract limit on import, else none.",
        ),
    ] = None,
    demand_price: Annotated[
        float,
        typer.Option(
            "--demand-price",
            metavar="PER_KW",
            parser=number("no price per kW, like 8320", least=0.0),
            help="Charge on the month's peak.",
        ),
    ] = 0.0,
    plan_every: Annotated[
        str, typer.Option("--plan-every", help="From plan to plan, as 30min.")
    ] = "1h",
    city: RecordedCity = None,
    ev_sessions: EvSessions = None,
    sites: Annotated[str | None, typer.Option("--sites", help="Only these, as a,b,c.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="From 2026-07-15 or 2026-07-15T06:00 on, in the city's time, else the record's,"
            " else UTC; or with an offset, as +09:00 or Z.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Up to then, in the same time, itself left out.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes to use.")] = 2,
) -> None:
    """Run a controller over recorded data, beside rules and perfect foresight.

    An interrupted run with a plan goes on where it was when the same command is given again.
    Forecast, planner, allowance and --plan-every are the controller plan's.

    Example: vpp backtest DATA_DIR --out results --city city.yaml --from 2026-07-01
    """
    from vpp.backtest.city import part_of_city
    from vpp.backtest.data import part_of, read_recording
    from vpp.backtest.deliver import deliver
    from vpp.backtest.figures import figures
    from vpp.backtest.study import Ask, Controller, check
    from vpp.config.city import load_city
    from vpp.domain.order import Order

    chosen = _one_of(Controller, controller, "--controller")
    order = None if objective is None else _one_of(Order, objective, "--objective")
    every_s = seconds(plan_every, "--plan-every")
    begin = None if since is None else moment(since, "--from")
    end = None if until is None else moment(until, "--to")
    names = [] if sites is None else [name.strip() for name in sites.split(",")]
    with faults_as_exits():
        portfolio = None if city is None else load_city(city).portfolio
        recording = read_recording(data_dir, sessions=ev_sessions)
        zone = recording.time_zone if portfolio is None else portfolio.time_zone
        with as_usage():
            recording = part_of(
                recording,
                sites=names,
                since=None if begin is None else local(begin, zone, "--from"),
                until=None if end is None else local(end, zone, "--to"),
            )
            if portfolio is not None and names:
                portfolio = part_of_city(portfolio, recording.sites)
            ask = Ask(
                controller=chosen,
                order=order,
                forecast=forecast or ("model" if portfolio is None else portfolio.forecaster),
                planner=planner,
                allowance=allowance,
                peak_limit_kw=inf if peak_limit is None else peak_limit,
                demand_per_kw=demand_price,
                plan_every_s=every_s,
                portfolio=portfolio,
            )
            check(ask, recording)
        made = _watched(ask, recording, workers, out)
        found = figures(made)
        files = deliver(made, found, out)
    _show(made, found, files)


def _one_of(kind: type[Kind], text: str, option: str) -> Kind:
    try:
        return kind(text)
    except ValueError as error:
        known = ", ".join(kind)
        raise typer.BadParameter(f"{text!r}: one of {known}", param_hint=repr(option)) from error


def _watched(ask: "Ask", recording: "Recording", workers: int, out: Path) -> "Answer":
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from vpp.backtest.study import answer

    columns = (TextColumn("{task.fields[at]}"), BarColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=errors)
    with bar as progress, never_lost() as tell_interruption:
        slots = len(recording.grid)
        task = progress.add_task(
            "slots", total=slots, at=str(recording.grid.start.date()), visible=False
        )

        def done(slot: int) -> None:
            day = datetime.fromtimestamp(float(recording.grid.edges_s[slot]), UTC).date()
            progress.update(task, completed=slot, at=str(day), visible=True)
            tell_interruption()

        unfinished = out / UNFINISHED
        try:
            made = answer(ask, recording, workers=workers, progress=done, unfinished=unfinished)
        except KeyboardInterrupt as interruption:
            kept = unfinished.is_dir() and any(unfinished.iterdir())
            how = "goes on from the last simulated week" if kept else "begins anew"
            errors.print(f"interrupted: the same command {how}")
            raise typer.Exit(INTERRUPTED) from interruption
    if unfinished.is_dir():
        unfinished.rmdir()
    return made


def _number(value: float, form: str) -> str:
    """A dash for what has no meaning."""
    return format(value, form) if isfinite(value) else "–"


def _show(made: "Answer", found: "Figures", files: tuple[Path, ...]) -> None:
    from rich.table import Table

    from vpp.backtest.report import COLUMNS
    from vpp.backtest.study import Controller

    out = console()
    columns = COLUMNS if out.width >= WHOLE_TABLE else [c for c in COLUMNS if c[0] in MAIN_COLUMNS]
    planned = made.ask.controller is Controller.PLAN
    table = Table(title=f"{made.run.name}, order {made.goals.order}", title_justify="left")
    if planned:
        table.title = (
            f"{table.title}, forecast {made.ask.forecast}, allowance {made.goals.allowance:g}"
            f" ({made.allowance_by})"
        )
    table.add_column("controller")
    for name, *_ in columns:
        table.add_column(name, justify="right")
    if columns is COLUMNS:
        table.add_column("CityLearn 2022", justify="right")
    for name, row in found.scores.items():
        cells = [_number(read(row), form) for _, read, form in columns]
        if columns is COLUMNS:
            cells.append(_number(found.grid_scores[name], ".3f"))
        table.add_row(name, *cells)
    out.print(table)
    if columns is not COLUMNS:
        out.print("a wider terminal, report.html and kpi.json show more of each", style="dim")
    if not made.recording.batteries:
        errors.print("no batteries in the record: neither sites.csv nor batteries.csv states any")
    if made.recording.price_per_kwh is None:
        errors.print("no prices in the record, so no costs: --city states a tariff")
    regret = ", ".join(f"{name} {value:,.2f}" for name, value in found.regret.items())
    out.print(f"regret in {found.unit}: {regret}")
    for fault in made.asked.refused[:3]:
        out.print(f"[yellow]plan refused:[/] {fault}")
    out.print(f"written: {', '.join(str(file) for file in files)}")
