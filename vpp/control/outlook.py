"""What forecasters learn from.

Recorded means of a portfolio, as one series per site and charger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from vpp.control.realised import Realised
from vpp.control.weather_keeping import recorded_weather
from vpp.domain.arrays import Floats
from vpp.domain.assets import EvCharger, Load, Pv
from vpp.domain.forecast import ForecastRequest, Group, Series
from vpp.domain.ids import AssetId, PoolId, SiteId
from vpp.domain.lately import Lately
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.slots import SlotGrid
from vpp.domain.weather import WeatherRecord
from vpp.ports.store import History

SLOT_S = 900.0
MEMORY = timedelta(days=63)
"""What forecasters are given: eight weeks to learn from, and what has come since."""
LATELY = timedelta(days=28)
"""Over which it is told how the net was."""
YEAR = timedelta(days=365)
LEAST = timedelta(days=7)
"""That must be known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A local month by its distance from the end of a series, in slots."""

    number: int
    """1 to 12."""
    begins: int
    ends: int
    """Of the running month 0."""

    def of(self, values: Floats) -> Floats:
        newest = len(values)
        return values[max(newest - self.begins, 0) : max(newest - self.ends, 0)]


def twelve_months(until: datetime, time_zone: str, step_s: float = SLOT_S) -> tuple[Month, ...]:
    """The month that runs at ``until``, a slot's start, and the eleven before it."""
    start = until.astimezone(ZoneInfo(time_zone)).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    months, ends = list[Month](), 0
    for _ in range(12):
        begins = int((until.timestamp() - start.timestamp()) // step_s)
        months.append(Month(number=start.month, begins=begins, ends=ends))
        year, month = (start.year, start.month - 1) if start.month > 1 else (start.year - 1, 12)
        start, ends = start.replace(year=year, month=month), begins
    return tuple(months)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """Everything recorded of a portfolio up to a slot start."""

    series: tuple[Series, ...]
    net_kw: Mapping[PoolId, Floats]
    """Net of each pool in the last year, shape (slots,), NaN where unknown."""
    months: tuple[Month, ...] = ()
    """Of the twelve that a ratchet may look at, the running local one first."""
    weather: WeatherRecord | None = None
    """As it was forecast."""

    def request(
        self, portfolio: Portfolio, at: datetime, grid: SlotGrid, told: Realised | None = None
    ) -> ForecastRequest:
        """``told``: what of the slot that runs at ``at`` is measured."""
        series = self.series
        if told:
            series = tuple(
                replace(one, running_kw=told.get((one.subject, one.quantity))) for one in series
            )
        return ForecastRequest(
            issued_at=at,
            grid=grid,
            series=series,
            time_zone=portfolio.time_zone,
            country=portfolio.country,
            groups=tuple(
                Group(subject=pool, members=tuple(one.sites))
                for pool, one in portfolio.pools.items()
            ),
            weather=self.weather,
        )

    def peak_paid_kw(self, pool: PoolId, ratchet_months: frozenset[int] = frozenset()) -> float:
        """Highest mean import that is billed now whatever follows; 0 where none was measured.

        Of the running month, and of those months of the last twelve that count as well.
        """
        net_kw = self.net_kw[pool]
        counted = (
            month
            for at, month in enumerate(self.months)
            if not at or month.number in ratchet_months
        )
        return max((_highest_kw(month.of(net_kw)) for month in counted), default=0.0)

    def peak_reached_kw(self, pool: PoolId) -> float:
        """The same of the last year."""
        return _highest_kw(self.net_kw[pool])

    def lately(self, portfolio: Portfolio, pool: PoolId) -> Lately | None:
        """The net of a pool's sites lately without storages, what their cars drew included.

        None with less than seven days of it.
        """
        newest = self._newest(portfolio, pool)
        if newest is None or _known_s(newest) < LEAST.total_seconds():
            return None
        return Lately.of(newest.values, newest.start_s, newest.step_s)

    def largest_kw(self, portfolio: Portfolio, pool: PoolId) -> float | None:
        """The highest such net, however short the time; None before the first."""
        newest = self._newest(portfolio, pool)
        if newest is None or _known_s(newest) <= 0:
            return None
        return float(np.nanmax(newest.values.sum(axis=0)))

    def _newest(self, portfolio: Portfolio, pool: PoolId) -> "_Nets | None":
        """Of at most 28 days; None where a site's load is not recorded."""
        sites = portfolio.pools[pool].sites
        if not self.series:
            return None
        first, step_s = self.series[0], self.series[0].step_s
        older = max(len(first.values_kw) - round(LATELY.total_seconds() / step_s), 0)
        newest = {(one.subject, one.quantity): one.values_kw[older:] for one in self.series}
        nets = [
            newest[site, Quantity.POWER_KW]
            - newest.get((site, Quantity.AVAILABLE_KW), 0.0)
            + _drawn_kw(newest, portfolio.assets_of_site[site])
            for site in sites
            if (site, Quantity.POWER_KW) in newest
        ]
        if len(nets) < len(sites):
            return None
        start_s = first.start.timestamp() + older * step_s
        return _Nets(values=np.array(nets), start_s=start_s, step_s=step_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Nets:
    """Of every site of a pool, without storages, shape (sites, slots); NaN where unknown."""

    values: Floats
    start_s: float
    step_s: float


def _known_s(nets: _Nets) -> float:
    """For how long all of them are known."""
    return float(np.isfinite(nets.values).all(axis=0).sum() * nets.step_s)


async def recorded(portfolio: Portfolio, history: History, until: datetime) -> Record:
    """Series of every site's load and PV and every charger, up to ``until``.

    A site's load is the sum of its load assets; its PV is what its plants could have given.
    """
    start = until - MEMORY
    series: list[Series] = []
    for site, assets in portfolio.assets_of_site.items():
        loads = [a for a in assets if isinstance(portfolio.assets[a], Load)]
        plants = [p for a in assets if isinstance(p := portfolio.assets[a], Pv)]
        if loads:
            load_kw = await _sum(history, loads, Quantity.POWER_KW, start, until)
            series.append(_series(site, Quantity.POWER_KW, start, load_kw))
        if plants:
            could_kw = [await _could_kw(history, plant.id, start, until) for plant in plants]
            sun_kw: Floats = np.maximum(np.sum(could_kw, axis=0), 0.0)
            series.append(_sun(portfolio, site, plants, start, sun_kw))
        for asset in assets:
            if isinstance(portfolio.assets[asset], EvCharger):
                drawn_kw = await _sum(history, [asset], Quantity.POWER_KW, start, until)
                series.append(_series(asset, Quantity.POWER_KW, start, drawn_kw))
    net_kw = {
        pool: await history.read(pool, Quantity.POWER_KW, until - YEAR, until, SLOT_S)
        for pool in portfolio.pools
    }
    forecast = portfolio.weather is not None
    weather = await recorded_weather(history, start, until) if forecast else None
    return Record(
        series=tuple(series),
        net_kw=net_kw,
        months=twelve_months(until, portfolio.time_zone),
        weather=weather,
    )


async def _could_kw(history: History, plant: AssetId, start: datetime, end: datetime) -> Floats:
    """What the device says that it could have given, else what it gave.

    Missing where it was held back: what a plant gives at a ceiling is not what it could.
    """
    possible_kw, power_kw, held = [
        await history.read(plant, quantity, start, end, SLOT_S)
        for quantity in (Quantity.AVAILABLE_KW, Quantity.POWER_KW, Quantity.HELD_BACK)
    ]
    gave_kw = np.where(np.nan_to_num(held) > 0, np.nan, -power_kw)
    return np.where(np.isnan(possible_kw), gave_kw, possible_kw)


async def _sum(
    history: History, assets: list[AssetId], quantity: Quantity, start: datetime, end: datetime
) -> Floats:
    means = [await history.read(asset, quantity, start, end, SLOT_S) for asset in assets]
    return np.asarray(np.sum(means, axis=0))


def _series(subject: str, quantity: Quantity, start: datetime, values_kw: Floats) -> Series:
    return Series(
        subject=subject, quantity=quantity, start=start, step_s=SLOT_S, values_kw=values_kw
    )


def _sun(
    portfolio: Portfolio, site: SiteId, plants: list[Pv], start: datetime, values_kw: Floats
) -> Series:
    place = portfolio.sites[site]
    return Series(
        subject=site,
        quantity=Quantity.AVAILABLE_KW,
        start=start,
        step_s=SLOT_S,
        values_kw=values_kw,
        peak_kw=sum(plant.peak_kw for plant in plants),
        latitude=portfolio.latitude if place.latitude is None else place.latitude,
        longitude=portfolio.longitude if place.longitude is None else place.longitude,
        tilt_deg=plants[0].tilt_deg,
        azimuth_deg=plants[0].azimuth_deg,
    )


def _highest_kw(net_kw: Floats) -> float:
    return float(np.max(net_kw, initial=0.0, where=np.isfinite(net_kw)))


def _drawn_kw(
    newest: Mapping[tuple[str, Quantity], Floats], assets: Sequence[AssetId]
) -> Floats | float:
    """At a site's chargers; where nobody measured, nothing."""
    chargers = ((asset, Quantity.POWER_KW) for asset in assets)
    drawn_kw = [np.nan_to_num(newest[one]) for one in chargers if one in newest]
    return np.sum(drawn_kw, axis=0) if drawn_kw else 0.0
