"""``vpp plan``: one plan now."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo

import numpy as np
import typer
from rich.table import Table

from vpp.cli.check import BasePort
from vpp.cli.console import console
from vpp.cli.exits import FAILED, as_usage, errors, faults_as_exits
from vpp.cli.live_view import kw
from vpp.cli.named import CityFile, Forecaster, History, Planner
from vpp.cli.plan_json import load_kw, plain
from vpp.cli.spans import local, moment
from vpp.config.city import City, load_city
from vpp.domain.arrays import Floats
from vpp.domain.assets import Battery, EvCharger, Pv
from vpp.domain.conversion import Converter
from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId
from vpp.domain.plan import Plan, Slack, Stock
from vpp.runtime.one_plan import HISTORY, OnePlan, Request, check_stated, plan_once
from vpp.runtime.state_home import state_dir

JSON_HELP = (
    "Print the whole plan as JSON: notes, troubles (why a pool has no plan), unforecast (sites"
    " without a load forecast, and the kW assumed), currency, and plans. Of each pool the schedule"
    " by slot and all that the plan hands to the tick, with its explanation; every key stands in"
    " docs/reference/plan.md. Positive power is into the asset; at the grid, import."
)


def plan(
    file: CityFile,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no device; stored energy from the history.")
    ] = False,
    soc: Annotated[
        list[str] | None,
        typer.Option(
            "--soc",
            metavar="ASSET=0.5",
            help="State of charge to take, of a battery or a store; repeatable.",
        ),
    ] = None,
    history: History = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="Plan from this time, as 2026-07-15T12:00 in the city's time or with an offset.",
        ),
    ] = None,
    planner: Planner = "lp",
    forecaster: Forecaster = None,
    base_port: BasePort = None,
) -> None:
    """Make one plan now and print it, hour by hour; nothing is written to any device.

    Example: vpp plan city.yaml --offline --soc apt-01-bat=0.5
    """
    with faults_as_exits():
        city = load_city(file, base_port=base_port)
        home = state_dir(city.portfolio.id)
        with as_usage("--soc"):
            stated = _stated(soc or ())
            check_stated(city.portfolio, stated)
        request = Request(
            state_dir=home,
            history=history or home / HISTORY,
            planner=planner,
            forecaster=forecaster,
            soc=stated,
            offline=offline,
            at=local(moment(at, "--at"), city.portfolio.time_zone, "--at") if at else None,
        )
        made = asyncio.run(plan_once(city, request))
    if as_json:
        typer.echo(json.dumps(plain(made, city.portfolio.currency), indent=1))
    else:
        _show(city, made)
    for pool, trouble in made.troubles.items():
        errors.print(f"[bold red]no plan for {pool}:[/] {trouble}")
    if made.troubles:
        raise typer.Exit(FAILED)


def _stated(texts: Sequence[str]) -> dict[AssetId, float]:
    found: dict[AssetId, float] = {}
    for text in texts:
        asset, _, value = text.partition("=")
        if asset in found:
            raise InvariantError(f"{asset} is stated twice: {text}")
        try:
            found[AssetId(asset)] = float(value)
        except ValueError as error:
            raise InvariantError(f"{text!r}: write --soc ASSET=0.5") from error
    return found


def _show(city: City, made: OnePlan) -> None:
    out = console()
    if made.unforecast:
        assumed = ", ".join(f"{site} {kw(mean)}" for site, mean in made.unforecast.items())
        out.print(f"[bold yellow]load without a forecast, assumed: {assumed}[/]")
    for note in made.notes:
        out.print(f"[yellow]{note}[/]")
    for one in made.plans.values():
        out.print(_hours(city, one))
        for stage in one.explanation.stages:
            out.print(f"  {stage.stage}: {stage.value:,.2f} {stage.unit}")
        for slack in one.explanation.slacks:
            out.print(
                f"  [yellow]{slack.what}: {slack.amount:.2f} {slack.unit}"
                f" short because of {slack.limited_by}, {_between(city, one, slack)}"
                f" (dual {slack.dual:.3g})[/]"
            )
        for note in one.explanation.notes:
            out.print(f"  [dim]{note}[/]")


def _hours(city: City, one: Plan) -> Table:
    table = Table(title=f"{one.pool}: order {one.order}", title_justify="left")
    table.add_column("from")
    for name in ("grid", "load", "sun", "batteries", "cars", "stored"):
        table.add_column(name, justify="right")
    for name in _beside(city, one):
        table.add_column(name, justify="right")
    kinds = {
        kind: [i for i, a in enumerate(one.schedule.assets) if isinstance(_of(city, a), kind)]
        for kind in (Pv, Battery, EvCharger)
    }
    unsteered_kw = load_kw(one)
    for span in _spans(one):
        hours = one.grid.hours[span]
        powers = [
            _mean(one.schedule.power_kw[rows, span].sum(0), hours) if rows else None
            for rows in kinds.values()
        ]
        stored = float(np.nansum(one.schedule.energy_kwh[kinds[Battery], span][:, -1]))
        table.add_row(
            local_hour(city, one, span.start),
            kw(_mean(one.schedule.grid_kw[span], hours)),
            kw(_mean(unsteered_kw[span], hours)),
            *map(kw, powers),
            f"{max(stored, 0.0):,.0f} kWh",
            *(told(span) for told in _beside(city, one).values()),
        )
    return table


def _spans(one: Plan) -> Iterator[slice]:
    """Slots by the hour, as far as they are shorter."""
    ends_h, begin = np.cumsum(one.grid.hours), 0
    while begin < len(ends_h):
        until_h = (ends_h[begin - 1] if begin else 0.0) + 1.0
        end = max(int(np.searchsorted(ends_h, until_h + 1e-6)), begin + 1)
        yield slice(begin, end)
        begin = end


def _mean(values: Floats, hours: Floats) -> float:
    return float(np.average(values, weights=hours))


def _between(city: City, one: Plan, slack: Slack) -> str:
    first, last = (one.grid.edges_s[i] for i in (slack.first_slot, slack.last_slot + 1))
    begin, end = (
        datetime.fromtimestamp(float(s), ZoneInfo(city.portfolio.time_zone)) for s in (first, last)
    )
    return f"{begin:%a %H:%M} to {end:%a %H:%M}"


def _beside(city: City, one: Plan) -> dict[str, Callable[[slice], str]]:
    """Columns of hydrogen and heat: power of each kind of converter, contents by substance."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(one.schedule.assets):
        if isinstance(asset := _of(city, name), Converter):
            rows.setdefault(asset.kind.replace("_", " "), []).append(row)
    columns: dict[str, Callable[[slice], str]] = {
        kind: partial(_mean_kw, one, places) for kind, places in rows.items()
    }
    for stock in one.schedule.stocks:
        columns[stock.store] = partial(_content, stock)
    return columns


def _mean_kw(one: Plan, rows: list[int], span: slice) -> str:
    return kw(_mean(one.schedule.power_kw[rows, span].sum(0), one.grid.hours[span]))


def _content(stock: Stock, span: slice) -> str:
    return f"{stock.content[span][-1]:,.1f} {stock.unit}"


def local_hour(city: City, one: Plan, slot: int) -> str:
    start = one.grid.starts[slot].astimezone(ZoneInfo(city.portfolio.time_zone))
    return start.strftime("%a %H:%M")


def _of(city: City, asset: AssetId) -> object:
    return city.portfolio.assets.get(asset)
