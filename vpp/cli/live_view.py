"""The terminal's live view of a running city."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from vpp.cli.score_line import in_a_line, percent
from vpp.domain.assets import Battery, EvCharger
from vpp.domain.conversion import Converter
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.ladder import Rung
from vpp.domain.points import Quantity
from vpp.domain.proposal import ScopeKind
from vpp.runtime.view import View

_RUNGS = {
    Rung.FRESH_PLAN: ("fresh plan", "green"),
    Rung.LAST_PLAN: ("last plan", "yellow"),
    Rung.SURPLUS_RULE: ("surplus rule", "yellow"),
    Rung.SAFE_STATE: ("safe state", "red"),
}
_BAR = 12
_NARROW = 72
"""Columns below which tables cut their figures off."""
_ROOMY = 110
"""Columns from which on the score's headings have room."""
_SCORES = ("self-consumption", "self-sufficiency", "import", "highest 15 min")
_CREDITED = (
    "what is stored counts as used: above 100 % while more is stored than the sun gave beyond"
    " demand"
)
_EARLY = (
    "too early to rank by shares: batteries, whose energy counts, moved more than the sun has given"
)
_SHORT_SCORES = ("self-cons.", "self-suff.", "import", "15 min peak")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One controller on the same input; None where it is not known."""

    controller: str
    self_consumption: float | None = None
    self_sufficiency: float | None = None
    import_kwh: float | None = None
    peak_kw: float | None = None
    early: bool = False
    """The batteries have moved more than the sun has given."""


def local_time(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%a %d %b %H:%M:%S")


def live_view(
    view: View, rows: Sequence[ScoreRow], *, width: int = 100, height: int = 40
) -> RenderableType:
    """The whole screen: pools, storage and chargers, score, alarms.

    Where columns would have no room, one short line after the other; of the scores the last row's.
    """
    if width < _NARROW:
        return _narrow(view, rows, height)
    portfolio = view.portfolio
    title = (
        f"{portfolio.name} ({portfolio.id}) · {local_time(view.snapshot.at, portfolio.time_zone)}"
        f" · {view.pace} · {_online(view)} devices online · {view.writes} writes"
    )
    marked, scored = _marked(view), _scored(view)
    parts: list[RenderableType] = [_pools(view)]
    taken = 26 + 2 * len(portfolio.pools) + len(marked) + len(scored)
    room = height - taken - min(len(view.alarms), 4)
    if room > 0:
        sides = Table.grid(expand=True, padding=(0, 1))
        sides.add_row(_storage(view, room), _chargers(view, room))
        score = score_table(rows, width=width)
        parts += [_reasons(view), *marked, sides, score, *scored, _alarms(view)]
    else:
        score = score_table(rows, width=width, explained=False)
        parts += [*marked, score, *scored, _alarms(view, at_most=1)]
    return Panel(Group(*parts), title=title, expand=True)


def _narrow(view: View, rows: Sequence[ScoreRow], height: int) -> RenderableType:
    portfolio = view.portfolio
    lines = [portfolio.name, local_time(view.snapshot.at, portfolio.time_zone)]
    for pool in portfolio.pools:
        flows = view.flows(pool)
        lines += [
            f"{pool}: {_RUNGS[view.rung(pool)][0]}",
            f" grid {kw(flows.net_kw)}",
            f" load {_plain_kw(flows.load_kw)}, cars {kw(flows.ev_kw)}",
            f" sun {_plain_kw(flows.pv_kw)}, batteries {kw(flows.battery_kw)}",
            f" stored {percent(flows.soc)}",
        ]
    if rows:
        lines.append(f"self-consumption {percent(rows[-1].self_consumption)}")
    lines += [line.plain for line in _scored(view)]
    lines += [f"{alarm.code} {alarm.subject}" for alarm in view.alarms] or ["No alarms."]
    if len(lines) > height:
        lines[height - 1 :] = [f"and {len(lines) - height + 1} lines more"]
    return Group(Text("\n".join(lines), overflow="ellipsis", no_wrap=True))


def score_table(rows: Sequence[ScoreRow], *, width: int, explained: bool = True) -> Table:
    """One row per controller, for so many columns of a terminal; stored energy is credited."""
    table = Table(
        title="Reached so far, on the same input",
        caption=(_EARLY if any(row.early for row in rows) else _CREDITED) if explained else None,
        title_justify="left",
        caption_justify="left",
        expand=True,
    )
    table.add_column("controller")
    for name in _SCORES if width >= _ROOMY else _SHORT_SCORES:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.controller,
            percent(row.self_consumption),
            percent(row.self_sufficiency),
            "–" if row.import_kwh is None else f"{row.import_kwh:,.0f} kWh",
            kw(row.peak_kw),
        )
    return table


def kw(power_kw: float | None) -> str:
    return "–" if power_kw is None or math.isnan(power_kw) else f"{power_kw:z,.1f} kW"


def _plain_kw(power_kw: float | None) -> str:
    return kw(power_kw).removesuffix(" kW")


def _online(view: View) -> str:
    states = view.snapshot.devices.values()
    return f"{sum(state.online for state in states)}/{len(states)}"


def _pools(view: View) -> Table:
    table = Table(
        title="Energy flows, kW (+ into the asset, + import)",
        title_justify="left",
        expand=True,
        collapse_padding=True,
    )
    table.add_column("pool")
    convert = any(isinstance(asset, Converter) for asset in view.portfolio.assets.values())
    more = ("converters",) if convert else ()
    for name in ("load", "cars", "sun", "batteries", *more, "grid", "planned", "stored"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("rung")
    for pool in view.portfolio.pools:
        flows, (rung, colour) = view.flows(pool), _RUNGS[view.rung(pool)]
        powers = (
            flows.load_kw, flows.ev_kw, flows.pv_kw, flows.battery_kw,
            *((flows.converter_kw,) if convert else ()), flows.net_kw, view.planned_kw(pool),
        )  # fmt: skip
        table.add_row(
            pool,
            *map(_plain_kw, powers),
            percent(flows.soc),
            f"[{colour}]{rung}[/]",
        )
    return table


def _reasons(view: View) -> Text:
    lines = [f"{pool}: {why}" for pool in view.portfolio.pools if (why := _why(view, pool))]
    return Text("\n".join(lines), style="dim", overflow="ellipsis", no_wrap=True)


def _why(view: View, pool: PoolId) -> str:
    result = view.results.get(pool)
    found = [r.text for r in result.reasons if r.scope.id == pool] if result else []
    return found[0] if found else ""


def _marked(view: View) -> list[Text]:
    """One line, if any: assets that the plan does not steer now, and why not."""
    found = [
        f"{asset} {authority}"
        for asset in view.portfolio.assets
        if (authority := view.authority(asset)) not in (None, Authority.AUTO)
    ]
    directed = [
        f"{reason.scope.id} overridden"
        for result in view.results.values()
        for reason in result.reasons
        if reason.scope.kind is ScopeKind.ASSET
    ]
    if not found and not directed:
        return []
    line = f"Not auto: {', '.join(found + directed)}"
    return [Text(line, style="yellow", overflow="ellipsis", no_wrap=True)]


def _scored(view: View) -> list[Text]:
    """One line, if any: the last day that is over, against foresight."""
    line = in_a_line(view.scores.values())
    return [Text(line, overflow="ellipsis", no_wrap=True)] if line else []


def _storage(view: View, room: int) -> Table:
    table = Table(title="Batteries", title_justify="left")
    table.add_column("battery")
    table.add_column("stored")
    for name in ("", "power", "told"):
        table.add_column(name, justify="right")
    batteries = [a.id for a in view.portfolio.assets.values() if isinstance(a, Battery)]
    for asset in batteries[:room]:
        soc = view.snapshot.asset(asset, Quantity.SOC)
        power_kw = view.snapshot.asset(asset, Quantity.POWER_KW)
        table.add_row(asset, _bar(soc), percent(soc), kw(power_kw), _told(view, asset))
    if len(batteries) > room:
        table.add_row(f"and {len(batteries) - room} more", "", "", "", "")
    return table


def _chargers(view: View, room: int) -> Table:
    table = Table(title="Cars", title_justify="left")
    table.add_column("charger")
    for name in ("drawn", "delivered", "leaves"):
        table.add_column(name, justify="right")
    zone = view.portfolio.time_zone
    chargers = [a.id for a in view.portfolio.assets.values() if isinstance(a, EvCharger)]
    for asset in chargers[:room]:
        session = view.snapshot.sessions.get(asset)
        if session is None:
            table.add_row(asset, "–", "–", "no car")
            continue
        need = f"/{session.need_kwh:.1f}" if session.need_kwh is not None else ""
        leaves = session.departure
        table.add_row(
            asset,
            kw(view.snapshot.asset(asset, Quantity.POWER_KW)),
            f"{session.delivered_kwh:.1f}{need} kWh",
            leaves.astimezone(ZoneInfo(zone)).strftime("%H:%M") if leaves else "not said",
        )
    return table


def _told(view: View, asset: AssetId) -> str:
    """What it was told, in brackets what it would be told were it not in shadow."""
    would = view.shadows.get(asset)
    if would is not None:
        return f"({kw(would.target_kw)})"
    return kw(view.snapshot.asset(asset, Quantity.SETPOINT_KW))


def _bar(share: float | None) -> str:
    if share is None:
        return "?" * _BAR
    full = round(share * _BAR)
    return "█" * full + "░" * (_BAR - full)


def _alarms(view: View, *, at_most: int = 4) -> RenderableType:
    if not view.alarms:
        return Text("No alarms.", style="green")
    lines = [f"{alarm.code} {alarm.subject}: {alarm.text}" for alarm in view.alarms[:at_most]]
    more = len(view.alarms) - len(lines)
    return Text("\n".join(lines + ([f"and {more} more"] if more else [])), style="red")
