"""What the running city has reached so far, on its own measurements."""

from dataclasses import dataclass, replace

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.assets import Battery, EvCharger, Load, Pv
from vpp.domain.ids import NodeId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Column, Layout, Snapshot

HOLD_S = 300.0
"""A measurement counts for so long; a gap beyond it counts for nothing, on either side."""


LEAST_SUN = 0.1
"""Of demand; below it self-consumption is not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Energies since the start, kWh, and the two shares made of them.

    ``useful = load + ev - import + credit``, where the credit is what the change of stored energy
    would give at the AC side; ``self_consumption = useful / available renewable`` and
    ``self_sufficiency = useful / (load + ev)``.
    """

    load_kwh: float = 0.0
    ev_kwh: float = 0.0
    import_kwh: float = 0.0
    export_kwh: float = 0.0
    renewable_kwh: float = 0.0
    credit_kwh: float = 0.0
    peak_kw: float | None = None
    """Highest mean of the import of all pools together in a wholly measured quarter hour."""
    unmeasured_s: float = 0.0
    """Time in which something was not measured; it counts for nothing."""

    @property
    def useful_kwh(self) -> float:
        return self.load_kwh + self.ev_kwh - self.import_kwh + self.credit_kwh

    @property
    def self_consumption(self) -> float | None:
        """None while the sun has given next to nothing: the share would mean nothing."""
        demand_kwh = self.load_kwh + self.ev_kwh
        dawn = self.renewable_kwh <= LEAST_SUN * demand_kwh
        return None if dawn else self.useful_kwh / self.renewable_kwh

    @property
    def early(self) -> bool:
        """More went into the batteries or came out of them than the sun has given.

        The shares then hang on how exactly a small change of a large store is measured.
        """
        return abs(self.credit_kwh) > self.renewable_kwh

    @property
    def self_sufficiency(self) -> float | None:
        demand_kwh = self.load_kwh + self.ev_kwh
        return self.useful_kwh / demand_kwh if demand_kwh > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """Powers in kW and the worth of what is stored in kWh, at one tick."""

    ev_kw: float
    nets_kw: Floats
    """Of each pool."""
    renewable_kw: float
    """What the sun could have given."""
    load_kw: float
    """What the meters leave when everything else is taken off: the terms of one balance."""
    stored_kwh: float
    """Stored energy at this very moment, times discharge efficiency."""


class Score:
    """Adds up the portfolio tick by tick; import and export are counted at each pool's boundary.

    They are those of quarter-hour means, as they are settled and as recorded days are scored.
    The last good value of each quantity counts for five minutes. Demand is the balance
    of the meters, so that a device read a moment late shifts energy between neighbouring ticks
    and loses none.
    """

    def __init__(self, portfolio: Portfolio, layout: Layout) -> None:
        assets = portfolio.assets
        self._cars, self._plants, self._batteries = (
            np.array([layout.asset_at[a.id] for a in assets.values() if isinstance(a, kind)], int)
            for kind in (EvCharger, Pv, Battery)
        )
        self._has_load = any(isinstance(asset, Load) for asset in assets.values())
        capacity_kwh, self._eta_charge, self._eta_discharge = (
            np.array(
                [
                    (a.capacity_kwh, a.eta_charge, a.eta_discharge)
                    for a in assets.values()
                    if isinstance(a, Battery)
                ]
            )
            .reshape(-1, 3)
            .T
        )
        self._worth_kwh = capacity_kwh * self._eta_discharge
        self._pools = [_meters(portfolio, pool.node, layout) for pool in portfolio.pools.values()]
        self._reached = Reached()
        self._last: _Measured | None = None
        self._last_s = float("nan")
        self._gap = False
        self._settled = _Settlement(len(self._pools))

    @property
    def reached(self) -> Reached:
        return self._reached

    def observe(self, snapshot: Snapshot) -> None:
        """Count the time since the last snapshot at the powers measured now."""
        now, lasts_s = self._measured(snapshot), snapshot.now_s - self._last_s
        before, self._last, self._last_s = self._last, now, snapshot.now_s
        if now is None or before is None:
            if lasts_s > 0:
                unmeasured_s = self._reached.unmeasured_s + lasts_s
                self._reached = replace(self._reached, unmeasured_s=unmeasured_s)
                self._gap = True
            return
        was, hours = self._reached, lasts_s / 3600.0
        self._settled.add(snapshot.at.timestamp(), now.nets_kw * hours, after_gap=self._gap)
        self._gap = False
        self._reached = replace(
            was,
            load_kwh=was.load_kwh + now.load_kw * hours,
            ev_kwh=was.ev_kwh + now.ev_kw * hours,
            import_kwh=self._settled.import_kwh,
            export_kwh=self._settled.export_kwh,
            renewable_kwh=was.renewable_kwh + now.renewable_kw * hours,
            credit_kwh=was.credit_kwh + now.stored_kwh - before.stored_kwh,
            peak_kw=self._settled.peak_kw,
        )

    def _measured(self, snapshot: Snapshot) -> _Measured | None:
        power_kw = _held(snapshot, snapshot.assets.get(Quantity.POWER_KW))
        metered_kw = _held(snapshot, snapshot.meters.get(Quantity.POWER_KW))
        soc = _held(snapshot, snapshot.assets.get(Quantity.SOC))
        if power_kw is None or metered_kw is None or soc is None:
            return None
        nets = [_net(metered_kw, meters) for meters in self._pools]
        cars_kw, given_kw = power_kw[self._cars].sum(), -power_kw[self._plants].sum()
        storage_kw = power_kw[self._batteries].sum()
        stored_kwh = self._worth_kwh @ soc[self._batteries] + self._since(snapshot, power_kw)
        load_kw = float(sum(nets) - cars_kw + given_kw - storage_kw)
        if np.isnan(load_kw + stored_kwh):
            return None
        possible_kw = _held(snapshot, snapshot.assets.get(Quantity.AVAILABLE_KW))
        return _Measured(
            ev_kw=float(cars_kw),
            nets_kw=np.array(nets),
            renewable_kw=self._renewable(power_kw, possible_kw),
            load_kw=load_kw if self._has_load else 0.0,
            stored_kwh=float(stored_kwh),
        )

    def _since(self, snapshot: Snapshot, power_kw: Floats) -> float:
        """What the batteries have stored since their states of charge were measured, worth kWh."""
        age_s = snapshot.now_s - snapshot.assets[Quantity.SOC].measured_s[self._batteries]
        into_kw = power_kw[self._batteries]
        worth_kw = np.where(into_kw > 0, self._eta_charge * self._eta_discharge, 1.0) * into_kw
        return float(worth_kw @ age_s / 3600.0)

    def _renewable(self, power_kw: Floats, possible_kw: Floats | None) -> float:
        given_kw = np.maximum(-power_kw[self._plants], 0.0)
        if possible_kw is not None:
            said_kw = possible_kw[self._plants]
            given_kw = np.where(np.isnan(said_kw), given_kw, said_kw)
        return float(given_kw.sum())


def _meters(portfolio: Portfolio, node: NodeId, layout: Layout) -> list[list[int]]:
    """Positions of the meters whose sum is the node's net: for each term, the best first."""
    own = [layout.meter_at[meter] for meter in portfolio.meters_of_node[node]]
    if own:
        return [own]
    site_nodes = {site.node for site in portfolio.sites.values()}
    below = [n for n in portfolio.subtree(node) if n in site_nodes]
    return [[layout.meter_at[m] for m in portfolio.meters_of_node[n]] for n in below]


def _net(metered_kw: Floats, terms: list[list[int]]) -> float:
    """Sum of each term's best meter that is known, kW; NaN where a term has none."""
    total = 0.0
    for ranked in terms:
        known = [metered_kw[meter] for meter in ranked if not np.isnan(metered_kw[meter])]
        total += known[0] if known else float("nan")
    return float(total)


def _held(snapshot: Snapshot, column: Column | None) -> Floats | None:
    """Last good values that are not too old, NaN for any other."""
    if column is None:
        return None
    old = snapshot.now_s - column.measured_s > HOLD_S
    return np.where(old, np.nan, column.values)


class _Settlement:
    """Import and export of each pool by quarter hours; the running one counts as far as it got."""

    SLOT_S = 900.0

    def __init__(self, pools: int) -> None:
        self.peak_kw: float | None = None
        self._closed_import_kwh = self._closed_export_kwh = 0.0
        self._slot, self._whole = -1, False
        self._net_kwh: Floats = np.zeros(pools)

    @property
    def import_kwh(self) -> float:
        return self._closed_import_kwh + float(np.maximum(self._net_kwh, 0.0).sum())

    @property
    def export_kwh(self) -> float:
        return self._closed_export_kwh + float(np.maximum(-self._net_kwh, 0.0).sum())

    def add(self, at_s: float, net_kwh: Floats, *, after_gap: bool) -> None:
        """Energy of each pool that flowed up to this moment."""
        slot = int(at_s // self.SLOT_S)
        self._whole &= not after_gap
        if slot != self._slot:
            self._close(follows=slot == self._slot + 1 and not after_gap)
            self._slot = slot
        self._net_kwh = self._net_kwh + net_kwh

    def _close(self, *, follows: bool) -> None:
        imported_kwh = float(np.maximum(self._net_kwh, 0.0).sum())
        if self._whole:
            self.peak_kw = max(self.peak_kw or 0.0, imported_kwh * 3600.0 / self.SLOT_S)
        self._closed_import_kwh += imported_kwh
        self._closed_export_kwh += float(np.maximum(-self._net_kwh, 0.0).sum())
        self._net_kwh, self._whole = np.zeros_like(self._net_kwh), follows
