"""What a planner is told of cars: the sessions that run, and the demand of cars yet to come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vpp.control.planning_outlook import Outlook, assets_of
from vpp.domain.arrays import Floats, frozen, frozen_ints
from vpp.domain.assets import EvCharger
from vpp.domain.forecast import HIGH, LOW, MIDDLE
from vpp.domain.ids import AssetId, SiteId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.problem import EvSessions
from vpp.domain.session import EvSession
from vpp.domain.slots import SlotGrid


def known_sessions(
    portfolio: Portfolio, sites: Sequence[SiteId], outlook: Outlook, site_at: Mapping[SiteId, int]
) -> tuple[EvSessions, Mapping[AssetId, datetime]]:
    """Sessions as arrays, and until when each charger is taken by one."""
    found: list[tuple[EvCharger, EvSession, datetime, float]] = []
    for charger in assets_of(portfolio, sites, EvCharger):
        session = outlook.snapshot.sessions.get(charger.id)
        if session is not None and charger.id in outlook.writable:
            leaves = session.departure or outlook.snapshot.at + timedelta(
                seconds=charger.default_stay_s
            )
            need = session.need_kwh if session.need_kwh is not None else charger.default_need_kwh
            found.append((charger, session, leaves, max(need - session.delivered_kwh, 0.0)))
    most = [_stay(outlook, leaves, s.arrival) * s.most_kw(c) for c, s, leaves, _ in found]
    least = [
        _until_served(np.minimum(m, max(c.guaranteed_kw, s.floor_kw(c))), need, outlook.grid)
        if s.departure is None
        else np.zeros(len(outlook.grid))
        for m, (c, s, _, need) in zip(most, found, strict=True)
    ]
    shape = (len(found), len(outlook.grid))
    sessions = EvSessions(
        ids=tuple(session.id for _, session, *_ in found),
        assets=tuple(charger.id for charger, *_ in found),
        site=frozen_ints([site_at[charger.site] for charger, *_ in found]),
        need_kwh=frozen([need for *_, need in found]),
        max_kw=np.array(most).reshape(shape),
        guaranteed_kw=np.array(least).reshape(shape),
    )
    return sessions, {charger.id: leaves for charger, _, leaves, _ in found}


def _stay(outlook: Outlook, leaves: datetime, comes: datetime | None = None) -> Floats:
    """Part of each slot in which the car is there, shape (slots,)."""
    edges, now = outlook.grid.edges_s, outlook.snapshot.at
    begin = np.maximum(edges[:-1], max(now, comes or now).timestamp())
    end = np.minimum(edges[1:], leaves.timestamp())
    return np.asarray(np.maximum(end - begin, 0.0) / np.diff(edges))


def _until_served(power_kw: Floats, need_kwh: float, grid: SlotGrid) -> Floats:
    """The power, cut where its energy reaches the need."""
    before = np.concatenate([[0.0], np.cumsum(power_kw * grid.hours)[:-1]])
    left_kw = np.maximum(need_kwh - before, 0.0) / grid.hours
    return np.asarray(np.minimum(power_kw, left_kw))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrivals:
    """Demand at one charger of cars not yet there, kW, shape (slots,): never controllable."""

    middle_kw: Floats
    below_kw: Floats
    """From the 10 % quantile to the middle."""
    above_kw: Floats
    """From the middle to the 90 % quantile."""


def expected_arrivals(
    portfolio: Portfolio,
    sites: Sequence[SiteId],
    outlook: Outlook,
    taken_until: Mapping[AssetId, datetime],
) -> Mapping[SiteId, Sequence[Arrivals]]:
    """Of every charger of which it is foreseen; none while a known car stays there."""
    found: dict[SiteId, list[Arrivals]] = {}
    for charger in assets_of(portfolio, sites, EvCharger):
        forecast = outlook.forecasts.get((charger.id, Quantity.POWER_KW))
        if forecast is None:
            continue
        leaves = taken_until.get(charger.id)
        free = 1.0 if leaves is None else 1.0 - _stay(outlook, leaves)
        low, middle, high = (np.maximum(forecast.quantile(q), 0.0) for q in (LOW, MIDDLE, HIGH))
        found.setdefault(charger.site, []).append(
            Arrivals(
                middle_kw=middle * free,
                below_kw=(middle - low) * free,
                above_kw=(high - middle) * free,
            )
        )
    return found
