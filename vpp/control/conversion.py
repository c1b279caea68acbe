"""Hydrogen and heat of a pool as the planner is asked about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vpp.control.planning_outlook import Outlook, assets_of
from vpp.control.sight import taken
from vpp.domain.arrays import Floats, frozen, frozen_ints
from vpp.domain.conversion import (
    Chp,
    Converter,
    Electrolyser,
    FuelCell,
    HeatPump,
    HydrogenStore,
    Store,
    ThermalStore,
    gives,
    rest_kw,
    segments,
)
from vpp.domain.ids import AssetId, SiteId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.problem import Batteries
from vpp.domain.stores import Converters, Stores, Substance

CREDIT = 0.5
"""kWh of later import that a kWh is worth, at most, once it is hydrogen or heat."""
BELOW_BATTERIES = 0.9
"""Part of the worst battery's round trip that the credit stays below."""
BELOW_USE = 0.95
"""Part of what a fuel cell gives for a kilogram that a kilogram kept is worth."""
BEYOND = 0.5
"""Part of its worth that hydrogen beyond what the next day asks for still has."""
LEAST_COP = 1.0
"""However cold it is."""
DAY_S = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conversion:
    """What of it is planned, and what is only foreseen."""

    stores: Stores
    converters: Converters
    load_kw: Floats
    """Shape (sites, slots): dispensing, standing by, and converters that nobody steers."""
    notes: tuple[str, ...]


def conversion(
    portfolio: Portfolio,
    sites: Sequence[SiteId],
    outlook: Outlook,
    batteries: Batteries,
    hydrogen_per_kg: float,
) -> Conversion:
    """Stores whose content is known, with their converters that follow a plan; the rest as load.

    A converter that follows no plan is taken to make what its store is asked for, if it is metered;
    else what it draws is part of its site's load and foreseen with that.

    Args:
        portfolio: The portfolio.
        sites: Of the pool.
        outlook: What is known and expected.
        batteries: Of the pool: hydrogen and heat count for less than what they give back.
        hydrogen_per_kg: What a kilogram can be sold for.
    """
    site_at = {site: i for i, site in enumerate(sites)}
    load_kw, notes = np.zeros((len(sites), len(outlook.grid))), list[str]()
    held: list[Store] = [
        *assets_of(portfolio, sites, HydrogenStore),
        *assets_of(portfolio, sites, ThermalStore),
    ]
    made: list[Converter] = [
        *assets_of(portfolio, sites, Electrolyser),
        *assets_of(portfolio, sites, FuelCell),
        *assets_of(portfolio, sites, HeatPump),
        *assets_of(portfolio, sites, Chp),
    ]
    soc = _measured(outlook, Quantity.SOC, [store.id for store in held])
    followed = [one for one in made if one.id in outlook.followed and one.store in soc]
    kept = [s for s in held if s.id in soc and any(one.store == s.id for one in followed)]
    asked = {store.id: store.demand.on(outlook.grid) for store in held}
    for store in held:
        if isinstance(store, HydrogenStore):
            kwh = asked[store.id] * store.dispensing_kwh_per_kg
            load_kw[site_at[store.site]] += kwh / outlook.grid.hours
    served = {store.id for store in kept}
    metered = _metered(portfolio)
    for one in made:
        if one in followed or one.id in metered:
            load_kw[site_at[one.site]] += one.standby_kw
        if one in followed:
            continue
        foreseen = one.id in metered and not gives(one)
        notes.append(_left_out(one, soc, foreseen=foreseen))
        if one.store not in served and foreseen:
            served.add(one.store)
            load_kw[site_at[one.site]] += _following(one, asked[one.store], outlook)
    notes += [
        f"{one.id} counts with its COP at {one.cop_at_c:g} °C: no air temperature is foreseen"
        for one in followed
        if isinstance(one, HeatPump) and one.cop_per_c and outlook.air_c is None
    ]
    return Conversion(
        stores=_Kept(
            stores=kept, followed=followed, asked=asked, soc=soc, outlook=outlook, site_at=site_at
        ).arrays(_credit(batteries), hydrogen_per_kg),
        converters=_made(followed, kept, outlook, site_at, portfolio.goals.co2_per_kg),
        load_kw=load_kw,
        notes=tuple(notes),
    )


def _measured(
    outlook: Outlook, quantity: Quantity, assets: Sequence[AssetId]
) -> dict[AssetId, float]:
    """What is known now of these assets."""
    snapshot = outlook.snapshot
    at = np.array([snapshot.layout.asset_at[asset] for asset in assets], dtype=np.int64)
    seen = taken(snapshot.assets.get(quantity), at)
    return {a: float(v) for a, v, good in zip(assets, seen.values, seen.good, strict=True) if good}


def _metered(portfolio: Portfolio) -> frozenset[str]:
    """Assets whose own power some device tells."""
    return frozenset(
        carried.subject
        for device in portfolio.devices.values()
        for carried in device.carries
        if Quantity.POWER_KW in carried.reads
    )


def _left_out(one: Converter, soc: Mapping[AssetId, float], *, foreseen: bool) -> str:
    why = "nothing steers it" if one.store in soc else f"the content of {one.store} is unknown"
    taken_as = ", expected to make what is asked for" if foreseen else ""
    return f"{one.kind.replace('_', ' ')} {one.id} left out: {why}{taken_as}"


def _following(one: Converter, asked: Floats, outlook: Outlook) -> Floats:
    """Power beyond standing by of a converter with a rule of its own, shape (slots,).

    Heat is made as it is asked for, hydrogen evenly.
    """
    kw, made = one.curve[-1]
    hours = outlook.grid.hours
    per_h = asked / hours if isinstance(one, HeatPump) else asked.sum() / hours.sum()
    needed_kw = kw * per_h / (made * _factor(one, outlook))
    return np.asarray(np.clip(needed_kw, 0.0, one.max_kw - one.standby_kw))


def _factor(one: Converter, outlook: Outlook) -> Floats:
    """Of the yield in each slot, shape (slots,): 1 but for a heat pump that takes outdoor heat."""
    rated = np.ones(len(outlook.grid))
    if not isinstance(one, HeatPump) or not one.cop_per_c or outlook.air_c is None:
        return rated
    cop = one.cop + one.cop_per_c * (outlook.air_c - one.cop_at_c)
    return np.where(np.isnan(cop), rated, np.maximum(cop, LEAST_COP) / one.cop)


def _credit(batteries: Batteries) -> float:
    worst = float((batteries.eta_charge * batteries.eta_discharge).min(initial=1.0))
    return min(CREDIT, BELOW_BATTERIES * worst)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """Stores that are planned, with what is known and asked of them."""

    stores: Sequence[Store]
    followed: Sequence[Converter]
    asked: Mapping[AssetId, Floats]
    soc: Mapping[AssetId, float]
    outlook: Outlook
    site_at: Mapping[SiteId, int]

    def arrays(self, credit: float, hydrogen_per_kg: float) -> Stores:
        """``credit``: kWh of import that a kWh is worth once it is hydrogen or heat."""
        grid, kept = self.outlook.grid, self.stores
        if not kept:
            return Stores.none(len(grid))
        last_day = grid.edges_s[:-1] >= grid.edges_s[-1] - DAY_S
        hydrogen = np.array([s.substance is Substance.HYDROGEN for s in kept])
        capacity, least = np.array([s.capacity for s in kept]), np.array([s.least for s in kept])
        asked = np.stack([self.asked[s.id] for s in kept])
        next_day = np.minimum(asked[:, last_day].sum(axis=1), capacity - least)
        worth_kwh = np.array([self._worth_kwh(s, credit) for s in kept])
        beyond = np.where(hydrogen, BEYOND * worth_kwh, 0.0)
        return Stores(
            ids=tuple(s.id for s in kept),
            site=frozen_ints([self.site_at[s.site] for s in kept]),
            substance=tuple(s.substance for s in kept),
            capacity=capacity,
            least=least,
            content=capacity * [self.soc[s.id] for s in kept],
            loss_per_h=frozen([s.loss_per_h for s in kept]),
            demand=asked,
            worth_kwh=np.column_stack([worth_kwh, beyond]),
            worth_length=np.column_stack([next_day, capacity - least - next_day]),
            worth_money=np.where(hydrogen, hydrogen_per_kg, 0.0),
        )

    def _worth_kwh(self, store: Store, credit: float) -> float:
        """Import that a unit left saves later: less than what made it, and than it could give."""
        mine = [one for one in self.followed if one.store == store.id]
        worth = [
            BELOW_USE * -1.0 / min(segments(one)[1]) for one in mine if isinstance(one, FuelCell)
        ]
        best = [
            max(segments(one)[1]) * float(_factor(one, self.outlook).max())
            for one in mine
            if not gives(one)
        ]
        worth += [credit / max(best)] if best else []
        return min(worth, default=0.0)


def _made(
    followed: Sequence[Converter],
    kept: Sequence[Store],
    outlook: Outlook,
    site_at: Mapping[SiteId, int],
    co2_per_kg: float,
) -> Converters:
    if not followed:
        return Converters.none(len(outlook.grid))
    store_at = {store.id: k for k, store in enumerate(kept)}
    curves = [segments(one) for one in followed]
    parts = max(len(widths) for widths, _ in curves)
    power = _measured(outlook, Quantity.POWER_KW, [one.id for one in followed])
    fuel = [
        one.fuel_per_kwh + co2_per_kg * one.fuel_kg_per_kwh if isinstance(one, Chp) else 0.0
        for one in followed
    ]
    return Converters(
        ids=tuple(one.id for one in followed),
        site=frozen_ints([site_at[one.site] for one in followed]),
        store=frozen_ints([store_at[one.store] for one in followed]),
        gives=np.array([gives(one) for one in followed]),
        segment_kw=np.array([_padded(widths, parts, 0.0) for widths, _ in curves]),
        per_kwh=np.array([_padded(each, parts, each[-1]) for _, each in curves]),
        factor=np.stack([_factor(one, outlook) for one in followed]),
        min_kw=frozen([max(one.min_kw - rest_kw(one), 0.0) for one in followed]),
        ramp_kw_per_h=frozen([one.ramp_kw_per_min * 60.0 for one in followed]),
        start_kwh=frozen([one.start_kwh for one in followed]),
        start_cost=frozen([one.start_cost for one in followed]),
        fuel_per_kwh=frozen(fuel),
        fuelled=np.array([isinstance(one, Chp) and not one.renewable for one in followed]),
        power_kw=frozen([_running_kw(one, power.get(one.id, 0.0)) for one in followed]),
    )


def _padded(values: Sequence[float], count: int, end: float) -> list[float]:
    return [*values, *[end] * (count - len(values))]


def _running_kw(one: Converter, measured_kw: float) -> float:
    """Beyond standing by; 0 below half of the least power."""
    power_kw = -measured_kw if gives(one) else measured_kw
    return max(power_kw - rest_kw(one), 0.0) if power_kw > 0.5 * one.min_kw else 0.0
