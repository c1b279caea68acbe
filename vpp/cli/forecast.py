"""``vpp forecast``: how good forecasts are on recorded data, and what they learn from it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpp.cli.console import console
from vpp.cli.exits import LEGEND, as_usage, errors, faults_as_exits
from vpp.cli.named import Foreseeing, Learning, LearntCity, Page, Record, RecordedCity
from vpp.cli.past import RecordedHistory
from vpp.cli.spans import seconds

if TYPE_CHECKING:
    from rich.table import Table

    from vpp.backtest.data import Recording
    from vpp.backtest.forecast_quality import Comparison
    from vpp.backtest.setting import Setting

app = typer.Typer(no_args_is_help=True, help="Forecasts of load, sun and the pools' net.")
YARDSTICK = "ridge"
FEW = timedelta(days=7)
"""From the first forecast to the last: within less, one day's weather decides."""
_FIGURES = {"MAE kW": "mae_kw", "pinball": "pinball_kw", "coverage": "coverage"}
"""Columns, and where their figures stand."""
_LEAST_MISSED = ("last week", "pinball", "no weather", "coverage", "yesterday", "ridge")
"""Columns that a narrow terminal goes without, in this order: a figure cut off tells nothing."""
_UNBOUNDED = 1000


@app.command(epilog=LEGEND)
def evaluate(
    data_dir: Record,
    forecast: Foreseeing = "model",
    leads: Annotated[
        str, typer.Option("--leads", help="Distances ahead that are printed, as 15min,1h.")
    ] = "1h,6h,24h",
    every: Annotated[str, typer.Option("--every", help="From forecast to forecast, as 1h.")] = "1h",
    after: Annotated[
        str, typer.Option("--after", help="Learnt from before the first forecast, at least 7d.")
    ] = "28d",
    city: RecordedCity = None,
    out: Page = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
) -> None:
    """Forecast again and again from the past alone, and compare with what came.

    Prints for each distance ahead the mean absolute error, the pinball loss of the 10, 50 and
    90 % quantiles, the part of what came between the outer two (0.8 is honest), and the skill
    against yesterday, last week and an hour profile with a ridge: 0 is no better, 1 is without
    error. A record with weather forecasts shows what they are worth: the skill against the same
    forecaster without weather. A forecast 1 h ahead is that of the hour after the newest that is
    known. Of sites the mean over all is shown; a pool is judged by the net of its sites.

    DATA_DIR is laid out as for 'vpp backtest'; nothing after the issue of a forecast is used.

    Example: vpp forecast evaluate DATA_DIR --leads 15min,1h,24h --out forecast.html
    """
    from vpp.backtest.forecast_report import page, plain

    leads_s = sorted(seconds(lead.strip(), "--leads") for lead in leads.split(","))
    every_s, after_s = seconds(every, "--every"), seconds(after, "--after")
    with faults_as_exits():
        recording, setting = _record(data_dir, city)
        found = _compared(recording, setting, forecast, leads_s, every_s, after_s)
        if out is not None:
            out.write_text(page(found, leads_s, data_dir.resolve().name), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(plain(found, leads_s), indent=1))
    else:
        _show(found, leads_s, forecast)
        if out is not None:
            typer.echo(f"written: {out}")


@app.command(epilog=LEGEND)
def train(
    data_dir: Record,
    city: LearntCity,
    forecast: Learning = "model",
) -> None:
    """Learn from a record before there is a history: what the daemon of the city begins with.

    The fit is kept in the state directory of the city on this host, where 'vpp run' finds it at
    its next start. It serves until the daemon's own history of a fortnight gives a better one, and
    for 90 days after the record's end at most: learn from a record that ends lately. Slots longer
    than a quarter hour count as quarters alike.

    Example: vpp forecast train DATA_DIR --city city.yaml
    """
    from vpp.config.city import load_city
    from vpp.domain.forecast import LEARNT_SERVES
    from vpp.runtime.model_registry import MODELS, ModelRegistry
    from vpp.runtime.state_home import state_dir
    from vpp.runtime.training import train as learn

    with faults_as_exits():
        recording, _ = _record(data_dir, city)
        portfolio = load_city(city).portfolio
        registry = ModelRegistry(state_dir(portfolio.id) / MODELS, forecast)
        history = RecordedHistory(recording, portfolio)
        made = asyncio.run(learn(portfolio, history, recording.grid.end, forecast, registry))
    for source, subjects in made.by_source.items():
        typer.echo(f"{source}: {', '.join(subjects)}")
    typer.echo(f"kept: {made.file}")
    last = recording.grid.end + LEARNT_SERVES
    typer.echo(f"serves until {last:%Y-%m-%d}, {LEARNT_SERVES.days} days after the record's end")
    if last < datetime.now(UTC):
        errors.print(
            "that is past by this machine's clock: a daemon that runs now makes no use of it; learn"
            " from a record that ends lately",
            style="yellow",
        )


def _record(folder: Path, city: Path | None) -> "tuple[Recording, Setting]":
    from vpp.backtest.city import for_city
    from vpp.backtest.data import read_recording
    from vpp.backtest.setting import of_city, of_recording
    from vpp.config.city import load_city

    recording = read_recording(folder)
    if city is None:
        return recording, of_recording(recording)
    portfolio = load_city(city).portfolio
    with as_usage("--city"):
        recording = for_city(recording, portfolio)
        return recording, of_city(recording, portfolio)


def _compared(
    recording: "Recording",
    setting: "Setting",
    forecast: str,
    leads_s: list[float],
    every_s: float,
    after_s: float,
) -> "Comparison":
    from rich.console import Console
    from rich.progress import Progress

    from vpp.backtest.forecast_quality import NO_WEATHER, Plan, WithoutWeather, compare
    from vpp.backtest.thinking import installed

    names = dict.fromkeys((forecast, YARDSTICK))
    plan = Plan(ahead_s=leads_s[-1], every_s=every_s, after_s=after_s)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("forecasts", visible=False)

        def done(count: int, total: int) -> None:
            progress.update(task, completed=count, total=total, visible=True)

        forecasters = {name: installed(forecaster=name).forecaster for name in names}
        if recording.weather is not None:
            own = installed(forecaster=forecast).forecaster
            forecasters[NO_WEATHER] = WithoutWeather(own)
        return compare(recording, setting, forecasters, plan, done)


def _show(found: "Comparison", leads_s: list[float], forecast: str) -> None:
    from vpp.backtest.forecast_report import plain

    others = [name for name in found.of if name != forecast]
    rows = [row for row in plain(found, leads_s)["figures"] if row["forecast"] == forecast]
    title = (
        f"{forecast}: {found.issues} {'forecast' if found.issues == 1 else 'forecasts'},"
        f" {found.first:%Y-%m-%d} to {found.last:%Y-%m-%d},"
        f" {found.sites} sites"
    )
    out, dropped, room = console(), 0, console().options.update(max_width=_UNBOUNDED)
    table = _table(title, rows, others, ())
    while out.measure(table, options=room).maximum > out.width and dropped < len(_LEAST_MISSED):
        dropped += 1
        table = _table(title, rows, others, _LEAST_MISSED[:dropped])
    out.print(table)
    if found.last - found.first < FEW:
        out.print("made within less than a week: too few to rank forecasts by", style="yellow")
    if dropped:
        out.print("a wider terminal, --out and --json show more", style="dim")


def _table(
    title: str, rows: Sequence[Mapping[str, Any]], others: Sequence[str], dropped: Sequence[str]
) -> "Table":
    from rich.table import Table

    shown = [name for name in others if name not in dropped]
    figures = [name for name in _FIGURES if name not in dropped]
    table = Table(
        title=title,
        title_justify="left",
        caption=f"last columns: skill against {', '.join(shown)}",
        caption_justify="left",
    )
    table.add_column("of", no_wrap=True)
    for name in ("ahead", *figures, *shown):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells = [row[_FIGURES[name]] for name in figures]
        cells += [row["skill"][name] for name in shown]
        texts = ("–" if cell is None else f"{cell:.3f}" for cell in cells)
        table.add_row(row["subject"], f"{row['lead_h']:g} h", *texts)
    return table
