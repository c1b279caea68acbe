"""The recorded world as devices and meters show it: perfect devices, exact meters, no delays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from vpp.backtest.data import Recording
from vpp.backtest.parking import Parking
from vpp.backtest.setting import Setting
from vpp.control.compiled import PHASE_KV
from vpp.control.inputs import Decision
from vpp.control.sight import CURRENTS
from vpp.domain.arrays import Floats, Ints
from vpp.domain.assets import Asset, Battery, EvCharger, Load, Pv
from vpp.domain.capability import Form
from vpp.domain.devices import Authority
from vpp.domain.ids import NodeId, SiteId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.snapshot import Column, DeviceState, Layout, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """Assets of one kind, arrays of shape (assets of it,)."""

    at: Ints
    """Positions in the layout."""
    site: Ints
    """Positions of their sites in the recording."""
    part: Floats
    """Of what the site has, by rating."""


class Plant:
    """Batteries and cars keep their physics, plants what they are held to.

    What is told holds at once.
    """

    def __init__(
        self, recording: Recording, setting: Setting, ev_kw: Floats, parking: Parking
    ) -> None:
        """``ev_kw``: power of cars that nobody steers, shape (sites, slots)."""
        portfolio = setting.portfolio
        self._recording, self._ev_kw, self.parking = recording, ev_kw, parking
        self.layout = Layout(assets=tuple(portfolio.assets), meters=tuple(portfolio.meters))
        self._battery_at = np.array([self.layout.asset_at[b] for b in setting.batteries], int)
        capacity_kwh = {
            asset.id: asset.capacity_kwh
            for asset in portfolio.assets.values()
            if isinstance(asset, Battery)
        }
        self._capacity_kwh = np.array([capacity_kwh[battery] for battery in setting.batteries])
        self._loads = _parts(recording, portfolio, self.layout, Load)
        self._plants = _parts(recording, portfolio, self.layout, Pv)
        self._chargers = _parts(recording, portfolio, self.layout, EvCharger)
        self._steered_at = np.array([self.layout.asset_at[c] for c in parking.chargers], int)
        self._measures = _measures(recording, portfolio)
        self._order = {asset: at for at, asset in enumerate(setting.batteries)}
        self._plant_order = {self.layout.assets[at]: i for i, at in enumerate(self._plants.at)}
        self._devices = {
            device: DeviceState(
                online=True, authority=Authority.AUTO, identified=True, read_back=True
            )
            for device in setting.facts
        }
        self.told_kw = np.zeros(len(setting.batteries))
        """Each battery, until it is told otherwise."""
        self.held_to_kw = np.full(len(self._plants.at), np.inf)
        """Each plant, magnitude; infinite where it is free."""
        self.stored_kwh = np.array(recording.start_kwh)
        self.power_kw = np.zeros(len(setting.batteries))
        """Of each battery over the slot before."""

    def snapshot(self, slot: int, now_s: float) -> Snapshot:
        """The slot's means as if measured at its start, batteries as they have been up to it."""
        edges_s, parking = self._recording.grid.edges_s, self.parking
        there = np.full(len(self.layout.assets), np.nan)
        there[self._loads.at] = self._of_sites(self._loads, self._demand_kw(slot))
        there[self._chargers.at] = 0.0
        there[self._plants.at] = -self._produced_kw(slot)
        there[self._battery_at] = self.power_kw
        there[self._steered_at] = parking.before_kw(slot)
        possible, soc, setpoint, able = (np.full(len(there), np.nan) for _ in range(4))
        possible[self._plants.at] = self._of_sites(self._plants, self._recording.pv_kw[:, slot])
        soc[self._battery_at] = self.stored_kwh / self._capacity_kwh
        setpoint[self._battery_at] = self.told_kw
        able[self._steered_at] = parking.able_kw(slot)
        assets = {
            Quantity.POWER_KW: there,
            Quantity.AVAILABLE_KW: possible,
            Quantity.SOC: soc,
            Quantity.SETPOINT_KW: setpoint,
            Quantity.LIMIT_CHARGE_KW: able,
        }
        return Snapshot(
            tick=slot,
            at=datetime.fromtimestamp(float(edges_s[slot]), UTC),
            now_s=now_s,
            layout=self.layout,
            assets={quantity: _column(values, now_s) for quantity, values in assets.items()},
            meters=self._meters(slot, now_s),
            devices=self._devices,
            sessions=parking.sessions(slot),
        )

    def obey(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            setpoint, asset = decision.setpoint, decision.asset
            if asset in self._order:
                told = setpoint.target_kw if setpoint.form is Form.TARGET else 0.0
                self.told_kw[self._order[asset]] = told
            elif self.parking.steers(asset):
                self.parking.obey(asset, setpoint.hi_kw)
            else:
                limit = -setpoint.lo_kw if setpoint.form is Form.CEILING else np.inf
                self.held_to_kw[self._plant_order[asset]] = limit

    def advance(self, slot: int) -> Floats:
        """Live through a slot; sun that was not let in at each site, kW, shape (sites,)."""
        recording, storage = self._recording, self._recording.storage
        fill_kw = np.minimum(storage.charge_kw, storage.fill_kwh(self.stored_kwh) / recording.hours)
        empty_kw = np.minimum(
            storage.discharge_kw, storage.empty_kwh(self.stored_kwh) / recording.hours
        )
        self.power_kw = np.clip(self.told_kw, -empty_kw, fill_kw)
        self.stored_kwh = storage.after(self.stored_kwh, self.power_kw, recording.hours)
        self.parking.advance(slot)
        return recording.pv_kw[:, slot] - self._let_in_kw(slot)

    def _demand_kw(self, slot: int) -> Floats:
        return np.asarray(self._recording.load_kw[:, slot] + self._ev_kw[:, slot])

    def _produced_kw(self, slot: int) -> Floats:
        """Magnitude of each plant."""
        possible = self._of_sites(self._plants, self._recording.pv_kw[:, slot])
        return np.asarray(np.minimum(possible, self.held_to_kw))

    def _let_in_kw(self, slot: int) -> Floats:
        """Magnitude at each site; what no plant of the portfolio stands for comes in whole."""
        lost = self._of_sites(self._plants, self._recording.pv_kw[:, slot])
        lost = lost - self._produced_kw(slot)
        sites = len(self._recording.sites)
        return np.asarray(
            self._recording.pv_kw[:, slot] - np.bincount(self._plants.site, lost, minlength=sites)
        )

    def _meters(self, slot: int, now_s: float) -> Mapping[Quantity, Column]:
        """Power through every node with a meter, and its current, the same on all phases."""
        sites = len(self._recording.sites)
        battery_kw = np.bincount(self._recording.storage.site, self.power_kw, minlength=sites)
        cars_kw = np.bincount(self.parking.site, self.parking.before_kw(slot), minlength=sites)
        site_kw = self._demand_kw(slot) - self._let_in_kw(slot) + battery_kw + cars_kw
        net_kw = np.asarray(self._measures @ site_kw)
        current = _column(net_kw / (3 * PHASE_KV), now_s)
        return {Quantity.POWER_KW: _column(net_kw, now_s)} | dict.fromkeys(CURRENTS, current)

    def _of_sites(self, of: _Part, site_kw: Floats) -> Floats:
        return np.asarray(site_kw[of.site] * of.part)


def _parts(
    recording: Recording, portfolio: Portfolio, layout: Layout, kind: type[Load | Pv | EvCharger]
) -> _Part:
    position = {SiteId(site): at for at, site in enumerate(recording.sites)}
    found = [asset for asset in portfolio.assets.values() if isinstance(asset, kind)]
    rating = np.array([_rating(asset) for asset in found])
    site = np.array([position[asset.site] for asset in found], dtype=np.int64)
    whole = np.bincount(site, rating, minlength=len(position))
    return _Part(
        at=np.array([layout.asset_at[asset.id] for asset in found], dtype=np.int64),
        site=site,
        part=rating / whole[site],
    )


def _rating(asset: Asset) -> float:
    return max(asset.rated.hi_kw, -asset.rated.lo_kw)


def _measures(recording: Recording, portfolio: Portfolio) -> Floats:
    """Which sites each meter sees, shape (meters, sites); NaN for meters within a site."""
    site_at: Mapping[NodeId, int] = {
        portfolio.sites[SiteId(site)].node: at for at, site in enumerate(recording.sites)
    }

    def row(nodes: Sequence[NodeId]) -> Floats:
        seen = np.zeros(len(recording.sites))
        seen[[site_at[node] for node in nodes if node in site_at]] = 1.0
        return seen

    rows = [
        np.full(len(recording.sites), np.nan)
        if meter.node is None
        else row(portfolio.subtree(meter.node))
        for meter in portfolio.meters.values()
    ]
    return np.array(rows).reshape(len(rows), len(recording.sites))


def _column(values: Floats, now_s: float) -> Column:
    there = np.isfinite(values)
    quality: npt.NDArray[np.uint8] = np.where(there, Quality.GOOD, Quality.MISSING).astype(np.uint8)
    return Column(values=values, quality=quality, measured_s=np.where(there, now_s, -np.inf))
