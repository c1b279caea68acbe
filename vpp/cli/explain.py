"""``vpp explain``: why an asset did what it did."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.markup import escape

from vpp.cli.console import console
from vpp.cli.daemons import City, Portfolio, directory
from vpp.cli.exits import as_usage, faults_as_exits
from vpp.cli.spans import moment
from vpp.domain.devices import Authority
from vpp.domain.errors import SkippedTime, VppError

if TYPE_CHECKING:
    from vpp.runtime.explaining import Account, Planned, Standing

At = Annotated[
    str | None,
    typer.Option("--at", help="When, as 2026-07-15T12:04 in the city's time; else the newest."),
]
_MEANS = {
    Authority.OUT_OF_SERVICE: "nothing is written to it",
    Authority.OBSERVE: "nothing is written to it",
    Authority.SHADOW: "nothing is written to it, what it would be told is on record",
    Authority.MANUAL: "only what somebody directs is written to it",
}
SAME_KW = 0.05
"""Powers that look alike in one decimal."""
As_json = Annotated[bool, typer.Option("--json", help="Everything that is known, as JSON.")]


def explain(
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="Id of the asset.")],
    at: At = None,
    as_json: As_json = False,
    city: City = None,
    portfolio: Portfolio = None,
) -> None:
    """Why did it do that? What it was told, and why its pool and its plan wanted so.

    Reads what a daemon keeps for 30 days, whether it still runs or not. Times are the city's.

    Example: vpp explain apt-01-bat --at 2026-07-15T19:30 --city city.yaml
    """
    with faults_as_exits():
        home = directory(city, portfolio)
        if not home.is_dir():
            raise VppError(f"nothing is on record: no daemon has run in {home}")
        with as_usage("--at", SkippedTime):
            found = asyncio.run(_account(home, asset, None if at is None else moment(at, "--at")))
    if as_json:
        told = msgspec.to_builtins(found) | {"without_kw": found.without_kw}
        typer.echo(msgspec.json.format(msgspec.json.encode(told), indent=1).decode())
        return
    for line in _lines(found):
        console().print(line, highlight=False, soft_wrap=True)


async def _account(home: Path, asset: str, at: datetime | None) -> "Account":
    from vpp.runtime.explaining import account
    from vpp.runtime.history_sqlite import SqliteHistory
    from vpp.runtime.one_plan import HISTORY

    async with SqliteHistory(home / HISTORY) as history:
        return await account(home, history, asset, at)


def _lines(found: "Account") -> Iterator[str]:
    def clock(at: datetime) -> str:
        return f"{at.astimezone(ZoneInfo(found.time_zone)):%a %d %b %H:%M:%S}"

    yield f"[bold]{found.asset}[/] at {found.site}, pool {found.pool}, {clock(found.at)}"
    told = found.told
    if told is None:
        yield "told: nothing is on record"
    else:
        so = told.outcome or "its outcome is not on record yet"
        power = _powers(told.lo_kw, told.hi_kw)
        what = f"{told.form} {power}".rstrip()
        yield f"told: {what} by {escape(told.who)}, {clock(told.at)}: {escape(told.why)}; {so}"
    if found.standing is not None and found.standing.authority in _MEANS:
        yield _authority(found.standing, clock)
    if found.override is not None:
        one = found.override
        by = f" by {one.who}" if one.who else ""
        why = f": {one.why}" if one.why else ""
        yield f"override of {one.scope}: {one.outcome}{escape(by)} {clock(one.at)}{escape(why)}"
    for reason in found.reasons:
        when = clock(found.decided_at)
        yield f"{reason['scope']}: {escape(reason['text'])} ({reason['rung']}, {when})"
        yield from _by_the_rule(reason)
    if found.plan is not None:
        yield from _of_plan(found.plan, clock)
    if found.mean_kw is None or found.net_kw is None or found.without_kw is None:
        yield "without it: not on record: that quarter hour is not over, or was not measured"
        return
    yield (
        f"without it: the pool would have stood at {_net(found.without_kw)} instead of"
        f" {_net(found.net_kw)} (means of that quarter hour; its own {found.mean_kw:.1f} kW)"
    )


def _by_the_rule(reason: Mapping[str, Any]) -> Iterator[str]:
    """What was in store, and what the pool would have done without a plan."""
    if "stored_kwh" in reason:
        yield f"  in store above the floors: {reason['stored_kwh']:,.1f} kWh"
    if "rule_kw" in reason and reason["rung"] != "surplus_rule":
        rule_kw = reason["rule_kw"]
        same = abs(rule_kw - reason["power_kw"]) < SAME_KW
        does = "store" if rule_kw > 0 else "give out"
        what = "do nothing" if abs(rule_kw) < SAME_KW else f"{does} {abs(rule_kw):.1f} kW"
        grid = "" if same else f", the grid at {_net(reason['net_kw'] + rule_kw)}"
        yield f"  without the plan: the measured-surplus rule would {what}{grid}" + (
            ", just so" if same else ""
        )


def _authority(standing: "Standing", clock: Callable[[datetime], str]) -> str:
    by = f"by {escape(standing.who)}" if standing.who else "by the city file"
    since = "" if standing.since is None else f" since {clock(standing.since)}"
    why = f": {standing.why}" if standing.why else ""
    means = _MEANS[standing.authority]
    return f"authority of {standing.device}: {standing.authority} {by}{since}{escape(why)}; {means}"


def _of_plan(plan: "Planned", clock: Callable[[datetime], str]) -> Iterator[str]:
    parts = [] if plan.expected_kw is None else [f"{plan.expected_kw:.1f} kW of it"]
    parts += [] if plan.grid_kw is None else [f"{_net(plan.grid_kw)} of the pool"]
    expected = f", expected {' and '.join(parts)}" if parts else ", nothing expected of it then"
    yield f"plan: of {clock(plan.issued_at)}, order {plan.order}, {plan.planner}{expected}"
    if plan.cause:
        yield f"  made then because of {escape(plan.cause)}"
    if plan.net_kw is not None:
        yield f"  expected beside the storages: {_net(plan.net_kw)}"
    if plan.next_at is not None and plan.next_kw is not None:
        yield f"  to give out next: {-plan.next_kw:.1f} kW from {clock(plan.next_at)}"
    for one in plan.bindings:
        yield (
            f"  held back by {one['limit']} of {one['node']}, {clock(one['since'])} to"
            f" {clock(one['until'])}: the first kWh beyond is worth {one['dual']:.3g}"
            f" {one['unit'].removesuffix(' per kWh')} ({one['stage']})"
        )
    for stage in plan.stages:
        yield f"  {stage['stage']}: {stage['value']:,.2f} {stage['unit']}"
    for short in plan.missed:
        yield (
            f"  [yellow]{short['what']}: {short['amount']:.2f} {short['unit']} short because of"
            f" {escape(short['limited_by'])} (dual {short['dual']:.3g}),"
            f" {clock(short['since'])} to {clock(short['until'])}[/]"
        )
    for source, notes in _by_source(plan).items():
        subjects = ", ".join(dict.fromkeys(note["subject"] for note in notes))
        oldest_s = max((n["input_age_s"] for n in notes if n["input_age_s"] < inf), default=None)
        age = "" if oldest_s is None else f", its input up to {oldest_s:.0f} s old"
        yield f"  forecast {escape(source)}{age}: {subjects}"
    for note in plan.notes:
        yield f"  [dim]{escape(note)}[/]"


def _by_source(plan: "Planned") -> Mapping[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for note in plan.forecasts:
        found.setdefault(note["source"], []).append(note)
    return found


def _powers(lo_kw: float | None, hi_kw: float | None) -> str:
    bounds = [f"{kw:.1f}" for kw in (lo_kw, hi_kw) if kw is not None]
    return f"{' to '.join(dict.fromkeys(bounds))} kW" if bounds else ""


def _net(power_kw: float) -> str:
    return f"{abs(power_kw):.1f} kW {'import' if power_kw >= 0 else 'export'}"
