"""Every unit of the city, moved together: what the sun and the city do, then the batteries."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from simulators.city import City
from simulators.entry import CityError
from simulators.inputs.ev import ChargerLife
from simulators.inputs.load import load_traces
from simulators.inputs.noise import Floats
from simulators.inputs.sun_power import sun_traces
from simulators.network import Network
from simulators.physics.battery import BatteryUnit
from simulators.physics.charger import ChargerUnit
from simulators.physics.hybrid import HybridUnit
from simulators.physics.load import LoadUnit
from simulators.physics.pv import PvUnit

Unit = LoadUnit | PvUnit | ChargerUnit | BatteryUnit


class Fleet:
    """The units by asset id, in the order of ``city.assets``; hybrids by device id."""

    def __init__(self, city: City, network: Network, start: datetime) -> None:
        self._network = network
        self._epoch_s = start.timestamp()
        self._sun = sun_traces(city)
        self._demand = load_traces(city)
        self._loads = [LoadUnit(plant) for plant in city.loads]
        self._pvs = [PvUnit(plant) for plant in city.pvs]
        self._chargers = [
            ChargerUnit(plant, start, ChargerLife(city, plant).upcoming) for plant in city.chargers
        ]
        self._batteries = [BatteryUnit(plant) for plant in city.batteries]
        self.units: list[Unit] = [*self._loads, *self._pvs, *self._chargers, *self._batteries]
        self.asset = {unit.plant.id: unit for unit in self.units}
        self.hybrid = dict(self._hybrids(city))
        self._hybrid_with = {
            unit.plant.id: hybrid
            for hybrid in self.hybrid.values()
            for unit in (hybrid.battery, hybrid.pv)
        }
        self._batteries_by_site: dict[int, list[BatteryUnit]] = {}
        for battery in self._batteries:
            site = network.row[battery.plant.site]
            self._batteries_by_site.setdefault(site, []).append(battery)
        self._now_s = 0.0
        self._begin()

    def power_w(self) -> Floats:
        """Power now by unit, positive is consuming."""
        return np.fromiter((unit.power_w for unit in self.units), np.float64, len(self.units))

    def net_wh(self) -> Floats:
        """Energy taken since the start, less energy given, by unit."""
        return np.fromiter((unit.net_wh for unit in self.units), np.float64, len(self.units))

    def advance(self, now_s: float) -> None:
        """Moves all units to ``now_s``; within such a step they do not see each other move."""
        before_wh = self.net_wh()
        begin_s, end_s = self._epoch_s + self._now_s, self._epoch_s + now_s
        step_h = (now_s - self._now_s) / 3600
        self._advance_loads(begin_s, end_s)
        for charger in self._chargers:
            charger.advance(now_s)
        sun = self._advance_sun(begin_s, end_s, now_s)
        others_w = self._network.per_site(self.net_wh() - before_wh) / step_h
        for hybrid, (available_w, available_wh) in sun.items():
            site = self._network.row[hybrid.pv.plant.site]
            others_w[site] -= min(available_w, available_wh / step_h, hybrid.pv.ceiling_w)
        for site, batteries in self._batteries_by_site.items():
            self._advance_batteries(batteries, float(others_w[site]), now_s, sun)
        self._now_s = now_s

    def _begin(self) -> None:
        """The powers at the start, before any time has passed."""
        self._advance_loads(self._epoch_s, self._epoch_s)
        for pv, available_w in zip(self._pvs, self._sun.power_w(self._epoch_s), strict=True):
            pv.advance(0.0, float(available_w), 0.0)

    def _hybrids(self, city: City) -> Iterator[tuple[str, HybridUnit]]:
        for device in city.devices:
            rating_kw = device.options.get("ac_rating_kw")
            if rating_kw is None:
                continue
            units = [self.asset[asset] for asset in device.assets]
            batteries = [unit for unit in units if isinstance(unit, BatteryUnit)]
            pvs = [unit for unit in units if isinstance(unit, PvUnit)]
            if len(batteries) != 1 or len(pvs) != 1:
                raise CityError(f"devices[{device.id}]: a hybrid carries one battery and one pv")
            yield device.id, HybridUnit(batteries[0], pvs[0], float(rating_kw) * 1000)

    def _advance_loads(self, begin_s: float, end_s: float) -> None:
        power_w = self._demand.power_w(end_s).tolist()
        energy_wh = self._demand.energy_wh(begin_s, end_s).tolist()
        for load, power, energy in zip(self._loads, power_w, energy_wh, strict=True):
            load.advance(power, energy)

    def _advance_sun(self, begin_s: float, end_s: float, now_s: float) -> "Sun":
        """Moves the PV plants; returned is what waits for a hybrid's battery to move."""
        power_w = self._sun.power_w(end_s).tolist()
        energy_wh = self._sun.energy_wh(begin_s, end_s).tolist()
        waiting: Sun = {}
        for pv, power, energy in zip(self._pvs, power_w, energy_wh, strict=True):
            hybrid = self._hybrid_with.get(pv.plant.id)
            if hybrid:
                waiting[hybrid] = power, energy
            else:
                pv.advance(now_s, power, energy)
        return waiting

    def _advance_batteries(
        self, batteries: list[BatteryUnit], others_w: float, now_s: float, sun: "Sun"
    ) -> None:
        """Commanded batteries first; those on their own rule share what then is left by rating."""
        step_h = (now_s - self._now_s) / 3600
        led = [battery for battery in batteries if not battery.follows_site]
        free = [battery for battery in batteries if battery.follows_site]
        for group in (led, free):
            rating_w = sum(battery.plant.charge_w for battery in group)
            residual_w = others_w
            for battery in group:
                before_wh = battery.net_wh
                battery.site_residual_w = residual_w * battery.plant.charge_w / rating_w
                self._advance_battery(battery, now_s, sun)
                others_w += (battery.net_wh - before_wh) / step_h

    def _advance_battery(self, battery: BatteryUnit, now_s: float, sun: "Sun") -> None:
        hybrid = self._hybrid_with.get(battery.plant.id)
        if hybrid:
            hybrid.advance(now_s, *sun[hybrid])
        else:
            battery.advance(now_s)


Sun = dict[HybridUnit, tuple[float, float]]
"""What the sun offers to hybrids: power at the end of a step (W), energy over it (Wh)."""
