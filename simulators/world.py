"""The whole city in one place: every unit, every meter, one time."""

from datetime import datetime, timedelta

import numpy as np

from simulators.city import City, Meter
from simulators.energy import Energy
from simulators.fleet import Fleet
from simulators.inputs.noise import Floats
from simulators.network import Network
from simulators.physics.battery import BatteryUnit
from simulators.physics.charger import ChargerUnit
from simulators.physics.load import LoadUnit
from simulators.physics.meter import MeterUnit, Reading
from simulators.physics.pv import PvUnit

LONGEST_STEP_S = 15.0
"""Within a step the devices do not see each other move."""


class World:
    """The city from ``start`` on; ``advance_to`` is the only thing that makes time pass.

    Attributes:
        asset: Every unit by asset id.
        hybrid: Hybrid inverters by device id; their battery and PV stand in ``asset`` too.
        meter: Every meter by id.
        now_s: City seconds since the start.
    """

    def __init__(self, city: City, start: datetime | None = None) -> None:
        self.city = city
        self.start = start or city.start
        if self.start.tzinfo is None:
            raise ValueError(f"the start needs its offset from UTC, got {self.start}")
        self.now_s = 0.0
        self._network = Network(city)
        self._fleet = Fleet(city, self._network, self.start)
        self.asset = self._fleet.asset
        self.hybrid = self._fleet.hybrid
        self._order = {asset.id: index for index, asset in enumerate(city.assets)}
        self._asset_meters = [plant for plant in city.meters if plant.node is None]
        self._rows = [self._row_of(plant) for plant in city.meters]
        self._net_wh = self._per_row(self._fleet.net_wh())
        self._power_w = self._per_row(self._fleet.power_w())
        self._import_wh = np.zeros_like(self._power_w)
        self._export_wh = np.zeros_like(self._power_w)
        self.meter = {
            plant.id: MeterUnit(plant, Reading(0.0, float(self._power_w[row]), 0.0, 0.0))
            for plant, row in zip(city.meters, self._rows, strict=True)
        }

    @property
    def now(self) -> datetime:
        """The city's time."""
        return self.start + timedelta(seconds=self.now_s)

    def advance_to(self, city_s: float) -> None:
        """Moves the whole city to this many city seconds after the start."""
        if city_s < self.now_s:
            raise ValueError(f"the city is at {self.now_s} s and cannot go back to {city_s} s")
        while self.now_s < city_s:
            self.now_s = min(city_s, self.now_s + LONGEST_STEP_S)
            self._fleet.advance(self.now_s)
            self._account()

    def power_w(self, node: str) -> float:
        """True power of a site or node now, positive is import."""
        return float(self._power_w[self._network.row[node]])

    def energy(self, node: str) -> Energy:
        """What has flowed beneath a site or node since the start."""
        row = self._network.row[node]
        beneath = self._network.is_beneath(node)
        inside = [unit for unit, within in zip(self._fleet.units, beneath, strict=True) if within]
        pvs = [unit for unit in inside if isinstance(unit, PvUnit)]
        batteries = [unit for unit in inside if isinstance(unit, BatteryUnit)]
        return Energy(
            pv_available_wh=sum(unit.available_wh for unit in pvs),
            pv_produced_wh=sum(unit.produced_wh for unit in pvs),
            load_wh=sum(unit.energy_wh for unit in inside if isinstance(unit, LoadUnit)),
            ev_wh=sum(unit.energy_wh for unit in inside if isinstance(unit, ChargerUnit)),
            charged_wh=sum(unit.charged_wh for unit in batteries),
            discharged_wh=sum(unit.discharged_wh for unit in batteries),
            stored_wh=sum(unit.stored_wh for unit in batteries),
            import_wh=float(self._import_wh[row]),
            export_wh=float(self._export_wh[row]),
        )

    def _row_of(self, plant: Meter) -> int:
        """Rows are the network's, then one per meter of assets."""
        if plant.node is not None:
            return self._network.row[plant.node]
        return len(self._network.row) + self._asset_meters.index(plant)

    def _per_row(self, per_unit: Floats) -> Floats:
        sums = [
            sum(float(per_unit[self._order[asset]]) for asset in plant.assets)
            for plant in self._asset_meters
        ]
        return np.concatenate((self._network.per_row(per_unit), sums))

    def _account(self) -> None:
        """Import and export of the step just made, and what the meters take note of."""
        net_wh = self._per_row(self._fleet.net_wh())
        flowed_wh = net_wh - self._net_wh
        self._net_wh = net_wh
        self._power_w = self._per_row(self._fleet.power_w())
        self._import_wh += np.maximum(flowed_wh, 0.0)
        self._export_wh -= np.minimum(flowed_wh, 0.0)
        power_w, import_wh = self._power_w.tolist(), self._import_wh.tolist()
        export_wh = self._export_wh.tolist()
        for meter, row in zip(self.meter.values(), self._rows, strict=True):
            meter.record(self.now_s, power_w[row], import_wh[row], export_wh[row])
