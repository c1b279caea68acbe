"""How good forecasts are on a record: made at every issue from the past alone, then compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from vpp.backtest.data import Recording
from vpp.backtest.given import Given, arrivals_kw
from vpp.backtest.setting import Setting
from vpp.control.outlook import Record
from vpp.domain.arrays import Floats, Ints
from vpp.domain.errors import InvariantError
from vpp.domain.forecast import HIGH, LOW, MIDDLE, Forecast, ForecastRequest
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid
from vpp.ports.planner import Forecaster

LOAD, SUN, NET, POOL = "site load", "site sun", "site net", "pool net"
SUBJECTS = (LOAD, SUN, NET, POOL)
DAY_S = 86400.0
LEAST_AFTER_S = 7 * DAY_S
"""Learnt from before the first forecast: the yardstick of the week before needs it."""
NO_WEATHER = "no weather"
YESTERDAY, LAST_WEEK = "yesterday", "last week"
DAYS_BEFORE = {YESTERDAY: 1, LAST_WEEK: 7}
QUANTILES = (LOW, MIDDLE, HIGH)
EXACT_KW = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quality:
    """Of one forecaster, of each subject, arrays over the slots ahead."""

    mae_kw: Mapping[str, Floats]
    """Mean absolute error of the middle."""
    pinball_kw: Mapping[str, Floats] = field(default_factory=dict)
    """Mean loss of the 10, 50 and 90 % quantiles; not of what has no quantiles."""
    coverage: Mapping[str, Floats] = field(default_factory=dict)
    """Part that came between the 10 and the 90 % quantile; 0.8 is honest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """What was found."""

    issues: int
    first: datetime
    last: datetime
    step_s: float
    sites: int
    of: Mapping[str, Quality]
    """By name: the forecasters in the order asked, then what was on earlier days."""

    def skill(self, name: str, against: str, subject: str) -> Floats:
        """1 less the ratio of mean absolute errors: 0 is no better, 1 is without error."""
        base = self.of[against].mae_kw[subject]
        return np.asarray(1.0 - self.of[name].mae_kw[subject] / np.maximum(base, 1e-12))


def _too_short(lasts_s: float, plan: "Plan") -> str:
    """What a record lacks, and what would do."""
    least_s = LEAST_AFTER_S + plan.ahead_s
    said = (
        f"a record of {lasts_s / DAY_S:.1f} days has no room for a first forecast after"
        f" {max(plan.after_s, LEAST_AFTER_S) / DAY_S:g} days (--after) that looks"
        f" {plan.ahead_s / 3600.0:g} hours ahead (--leads)"
    )
    if lasts_s >= least_s:
        return f"{said}: --after {LEAST_AFTER_S / DAY_S:g}d, the least, would do"
    return f"{said}: {least_s / DAY_S:.3g} days are needed, with --after {LEAST_AFTER_S / DAY_S:g}d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When forecasts are made, and how far they look."""

    ahead_s: float = DAY_S
    every_s: float = 3600.0
    after_s: float = 28 * DAY_S
    """From the record's start to the first issue: until then it is only learnt from."""


def compare(
    recording: Recording,
    setting: Setting,
    forecasters: Mapping[str, Forecaster],
    plan: Plan,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Comparison:
    """Let every forecaster foresee at each issue what came, as the daemon would have asked it.

    Raises:
        InvariantError: the record is too short for one issue.
    """
    truth = _Truth(recording, setting)
    step_s = recording.hours * 3600.0
    ahead, every, after = (
        max(round(one / step_s), 1) for one in (plan.ahead_s, plan.every_s, plan.after_s)
    )
    issues = range(max(after, 7 * truth.day), len(recording.grid) - ahead + 1, every)
    if not issues:
        raise InvariantError(_too_short(len(recording.grid) * step_s, plan))
    tallies = {name: _Tally() for name in (*forecasters, *DAYS_BEFORE)}
    distance = np.arange(1, ahead + 1)
    for done, slot in enumerate(issues, start=1):
        slots, request = slot + distance - 1, truth.request(slot, ahead)
        came = truth.at(slots)
        for name, forecaster in forecasters.items():
            tallies[name].add(came, truth.told(forecaster.forecast(request)))
        for name, days in DAYS_BEFORE.items():
            back = days * truth.day
            before = truth.at(slots - back * -(-distance // back))
            tallies[name].add(came, {key: rows[:, None] for key, rows in before.items()})
        progress(done, len(issues))
    return Comparison(
        issues=len(issues),
        first=truth.start(issues[0]),
        last=truth.start(issues[-1]),
        step_s=step_s,
        sites=len(recording.sites),
        of={name: tally.quality() for name, tally in tallies.items()},
    )


Rows = Mapping[str, Floats]
"""By subject, shape (rows, slots), or (rows, quantiles, slots) of what was told."""


class WithoutWeather:
    """A forecaster that is not told of the weather."""

    def __init__(self, forecaster: Forecaster) -> None:
        self._forecaster = forecaster

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        return self._forecaster.forecast(replace(request, weather=None))


class _Truth:
    """What is given to forecasters, and what came."""

    def __init__(self, recording: Recording, setting: Setting) -> None:
        self._grid, self._portfolio = recording.grid, setting.portfolio
        self._given = Given(recording, setting, arrivals_kw(recording))
        self._sites = recording.sites
        self._sunny = np.flatnonzero(recording.pv_kw.any(axis=1))
        self._pools = [
            [recording.sites.index(site) for site in pool.sites]
            for pool in setting.portfolio.pools.values()
        ]
        self._step_s = recording.hours * 3600.0
        self.day = round(DAY_S / self._step_s)
        """Slots of a day."""

    def start(self, slot: int) -> datetime:
        return datetime.fromtimestamp(float(self._grid.edges_s[slot]), UTC)

    def request(self, slot: int, ahead: int) -> ForecastRequest:
        at = self.start(slot)
        grid = SlotGrid.regular(at, count=ahead, step_s=self._step_s)
        record = Record(
            series=self._given.series(slot, running=False),
            net_kw={},
            weather=self._given.weather(slot, ahead),
        )
        return record.request(self._portfolio, at, grid)

    def at(self, slots: Ints) -> Rows:
        load, sun = self._given.demand_kw[:, slots], self._given.sun_kw[:, slots]
        net = load - sun
        pools = np.stack([net[pool].sum(axis=0) for pool in self._pools])
        return {LOAD: load, SUN: sun[self._sunny], NET: net, POOL: pools}

    def told(self, made: Sequence[Forecast]) -> Rows:
        """A pool's net without a forecast of its own is the sum of its sites'."""
        of = {(one.subject, one.quantity): one.values_kw for one in made}
        load = np.stack([of[site, Quantity.POWER_KW] for site in self._sites])
        sun = np.stack(
            [
                of.get((site, Quantity.AVAILABLE_KW), np.zeros(load.shape[1:]))
                for site in self._sites
            ]
        )
        net = load[:, 1:2] - sun[:, 1:2]
        pools = [of.get((pool, Quantity.UNCONTROLLED_KW)) for pool in self._portfolio.pools]
        own = [one for one in pools if one is not None]
        sums = np.stack([net[pool].sum(axis=0) for pool in self._pools])
        return {
            LOAD: load,
            SUN: sun[self._sunny],
            NET: net,
            POOL: np.stack(own) if len(own) == len(pools) else sums,
        }


class _Tally:
    """Losses so far."""

    def __init__(self) -> None:
        self._issues = 0
        self._sums: dict[tuple[str, str], Floats] = {}

    def add(self, came: Rows, told: Rows) -> None:
        self._issues += 1
        for subject, values in told.items():
            if not len(values):
                continue
            missed = came[subject][:, None] - values
            self._take("mae", subject, np.abs(missed[:, values.shape[1] // 2]))
            if values.shape[1] == len(QUANTILES):
                part = np.array(QUANTILES)[:, None]
                pinball = np.maximum(part * missed, (part - 1.0) * missed).mean(axis=1)
                self._take("pinball", subject, pinball)
                inside = (missed[:, 0] >= -EXACT_KW) & (missed[:, -1] <= EXACT_KW)
                self._take("coverage", subject, inside.astype(np.float64))

    def _take(self, measure: str, subject: str, rows: Floats) -> None:
        key = (measure, subject)
        self._sums[key] = self._sums.get(key, 0.0) + rows.mean(axis=0)

    def quality(self) -> Quality:
        def means(measure: str) -> Mapping[str, Floats]:
            return {
                subject: total / self._issues
                for (kind, subject), total in self._sums.items()
                if kind == measure
            }

        return Quality(mae_kw=means("mae"), pinball_kw=means("pinball"), coverage=means("coverage"))
