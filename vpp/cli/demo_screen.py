"""What the demo shows: a live view on a terminal, a line per simulated quarter hour elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.live import Live

from vpp.cli.baselines import Baseline, Span
from vpp.cli.console import can_draw, counted
from vpp.cli.live_view import ScoreRow, kw, live_view, local_time, score_table
from vpp.cli.run import reached_row, score_row
from vpp.cli.score_line import percent
from vpp.runtime.outlet import is_behind
from vpp.runtime.view import View

_SLOT = timedelta(minutes=15)
_PICTURE = 150, 55
"""Columns and lines of a picture; all batteries of the example city fit."""


class Screen:
    """Takes every view; keeps the newest for the final table.

    The others are scored over the very time that the daemon has measured: what it could not see
    counts for nobody.
    """

    def __init__(self, console: Console, others: Sequence[Baseline]) -> None:
        self._console, self._others = console, others
        self._live: Live | None = None
        self._measured: list[Span] = []
        self._slot: datetime | None = None
        self._last: View | None = None

    @contextmanager
    def shown(self) -> Iterator[Self]:
        """Take the terminal while entered, where there is one."""
        if not can_draw(self._console):
            yield self
            return
        with Live(console=self._console, auto_refresh=False, screen=True) as live:
            self._live = live
            yield self
        self._live = None

    def follow(self, view: View) -> None:
        """Take note of every view, also before the first is shown."""
        now_s, last = view.snapshot.at.timestamp(), self._last
        if last is not None and view.reached.unmeasured_s == last.reached.unmeasured_s:
            self._measured[-1] = (self._measured[-1][0], now_s)
        else:
            self._measured.append((now_s, now_s))
        self._last = view

    def show(self, view: View) -> None:
        """Bring a view that was followed to the screen."""
        if self._live is not None and not is_behind(self._console.file):
            width, height = self._console.size
            shown = live_view(view, self.rows(view), width=width, height=height)
            self._live.update(shown, refresh=True)
        elif not can_draw(self._console):
            self._line(view)

    def final(self) -> None:
        """The table of all controllers at the end, and what is alarming."""
        if self._last is None:
            self._console.print("No tick completed.")
            return
        self._console.print(score_table(self.rows(self._last), width=self._console.width))
        if (unmeasured_s := self._last.reached.unmeasured_s) >= 30.0:
            minutes = f"{unmeasured_s / 60:.0f} min of the city's time were not measured in whole"
            self._console.print(f"{minutes}: they count in no row", style="dim")
        for alarm in self._last.alarms:
            self._console.print(f"{alarm.code} {alarm.subject}: {alarm.text}", style="red")

    def draw(self, file: Path) -> None:
        """The newest live view as it fills a roomy terminal, as a picture.

        Raises:
            OSError: the file cannot be written.
        """
        if self._last is None:
            return
        width, height = _PICTURE
        paper = Console(record=True, file=StringIO(), width=width, force_terminal=True)
        paper.print(live_view(self._last, self.rows(self._last), width=width, height=height))
        paper.save_svg(str(file), title="vpp demo")

    def rows(self, view: View) -> list[ScoreRow]:
        """This daemon, and the others over the same time."""
        compared = [score_row(one.name, one.reached(self._measured)) for one in self._others]
        return [*compared, reached_row(view)]

    def _line(self, view: View) -> None:
        slot = datetime.fromtimestamp(
            view.snapshot.at.timestamp() // _SLOT.total_seconds() * _SLOT.total_seconds(),
            view.snapshot.at.tzinfo,
        )
        if slot == self._slot:
            return
        self._slot = slot
        pools = []
        for pool in view.portfolio.pools:
            flows = view.flows(pool)
            pools.append(
                f"{pool}: load {kw(flows.load_kw)} cars {kw(flows.ev_kw)} sun {kw(flows.pv_kw)}"
                f" batteries {kw(flows.battery_kw)} grid {kw(flows.net_kw)}"
                f" stored {percent(flows.soc)} {view.rung(pool).name.lower()}"
            )
        stamp = local_time(view.snapshot.at, view.portfolio.time_zone)
        share = percent(view.reached.self_consumption)
        slowed = f" | {view.pace}" if view.speed < view.asked_speed else ""
        self._console.print(
            f"{stamp} | {' | '.join(pools)} | self-consumption {share}"
            f" | {counted(len(view.alarms), 'alarm')} | {counted(view.writes, 'write')}{slowed}",
            soft_wrap=True,
            highlight=False,
        )
