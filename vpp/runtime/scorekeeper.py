"""The daemon's own score: every local day, once it is over, on what it measured itself."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from vpp.control.inputs import Alarm
from vpp.control.supervision import Health
from vpp.domain.assets import Battery
from vpp.domain.day import DayScore, MeasuredDay
from vpp.domain.errors import PlannerFailed
from vpp.domain.ids import PoolId, TariffId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.tariff import Tariff
from vpp.ports.clock import Clock
from vpp.ports.store import History
from vpp.runtime.day_record import SLOT_S, measured_day, span
from vpp.runtime.foreseen import foreseen_net
from vpp.runtime.reason_log import NAME as REASONS
from vpp.runtime.score_book import NAME, ScoreBook

GRACE_S = 600.0
"""City seconds after midnight, so that the means of the last quarter hour are on record."""
LOOK_S = 3600.0
"""City seconds after which it looks again at the latest, whatever becomes of clocks."""
DAYS_BACK = 7
"""So old a day is still judged by a daemon that comes back."""
TRIES = 3
"""After so many a day stays without a judgement."""
BAD_DAY = "BAD_DAY"
Judge = Callable[[MeasuredDay], Awaitable[DayScore]]
_log = structlog.get_logger(__name__)


class Scorekeeper:
    """``run`` is owned by the composition root; everything else is cheap."""

    def __init__(
        self,
        portfolio: Portfolio,
        *,
        history: History,
        judge: Judge,
        city: Clock,
        state_dir: Path,
    ) -> None:
        """Takes up the scores that are kept in the state directory; blocks."""
        self._portfolio, self._history, self._judge = portfolio, history, judge
        self._city, self._reasons = city, state_dir / REASONS
        self._book = ScoreBook(state_dir / NAME)
        self._tries: Counter[tuple[PoolId, date]] = Counter()
        self._alarms = self._now_alarming()
        self.newest: Mapping[PoolId, DayScore] = self._newest()
        """Of every pool its last day."""

    def alarms(self) -> tuple[Alarm, ...]:
        """``BAD_DAY`` of every pool whose last judged day was bad; it ends with the next good."""
        return self._alarms

    def reprice(self, tariffs: Mapping[TariffId, Tariff]) -> None:
        """Judge days by these prices from now on."""
        self._portfolio = replace(self._portfolio, tariffs=tariffs)

    async def run(self, health: Health) -> None:
        """Judge every day that is over, until cancelled."""
        while True:
            await self.catch_up()
            health.good()
            await self._city.sleep(self._until_next_s())

    async def catch_up(self) -> None:
        """Judge what is over and was not judged.

        Raises:
            PlannerFailed: not yet; another try may be better.
            StoreUnavailable: the history cannot be read, or the score not be kept.
        """
        today = self._local(self._city.now() - timedelta(seconds=GRACE_S)).date()
        for back in range(DAYS_BACK, 0, -1):
            day = today - timedelta(days=back)
            for pool in self._portfolio.pools:
                if (pool, day) not in self._book and await self._lived(pool, day):
                    await self._score(pool, day)

    async def _lived(self, pool: PoolId, day: date) -> bool:
        grid = span(self._portfolio, day)
        net_kw = await self._history.read(pool, Quantity.POWER_KW, grid.start, grid.end, SLOT_S)
        return bool(np.isfinite(net_kw).any())

    async def _score(self, pool: PoolId, day: date) -> None:
        grid = span(self._portfolio, day)
        batteries = [
            asset
            for asset in self._portfolio.assets_of_pool(pool)
            if isinstance(self._portfolio.assets[asset], Battery)
        ]
        foreseen = await asyncio.to_thread(foreseen_net, self._reasons, pool, batteries, grid)
        measured = await measured_day(self._portfolio, pool, day, self._history, foreseen)
        try:
            score = await self._judge(measured)
        except PlannerFailed as fault:
            self._tries[pool, day] += 1
            if self._tries[pool, day] < TRIES:
                raise
            score = _given_up(measured, str(fault))
        await asyncio.to_thread(self._book.add, score)
        self.newest, self._alarms = self._newest(), self._now_alarming()
        _log.info("day judged", pool=pool, score=score.sentence)

    def _newest(self) -> Mapping[PoolId, DayScore]:
        """Pools that the city file no longer has stay in the book alone."""
        return {p: one for p, one in self._book.newest.items() if p in self._portfolio.pools}

    def _now_alarming(self) -> tuple[Alarm, ...]:
        return tuple(
            Alarm(code=BAD_DAY, subject=pool, text=score.sentence)
            for pool, score in self._book.newest_judged.items()
            if score.bad and pool in self._portfolio.pools
        )

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self._portfolio.time_zone))

    def _until_next_s(self) -> float:
        now = self._city.now()
        tomorrow = self._local(now - timedelta(seconds=GRACE_S)).date() + timedelta(days=1)
        midnight = datetime.combine(tomorrow, time.min, ZoneInfo(self._portfolio.time_zone))
        left_s = (midnight.astimezone(UTC) - now).total_seconds() + GRACE_S
        return min(max(left_s, 1.0), LOOK_S)


def _given_up(day: MeasuredDay, why: str) -> DayScore:
    measured = np.isfinite(day.net_kw) & np.isfinite(day.sun_kw)
    return DayScore(
        pool=day.pool,
        date=day.date,
        order=day.order,
        completeness=float(measured.mean()),
        reached=None,
        unjudged=why,
        bad_from=day.bad_from,
    )
