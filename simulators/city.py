"""The city as the simulation sees it: frozen values in watts and watt-hours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulators.fault_script import Scripted


@dataclass(frozen=True)
class Node:
    """A node of the grid's tree; ``settles`` marks a pool."""

    id: str
    parent: str | None
    settles: bool


@dataclass(frozen=True)
class Site:
    """Everything behind one grid connection; its connection is a leaf node of the same id."""

    id: str
    parent: str
    name: str
    latitude: float
    longitude: float


@dataclass(frozen=True)
class Battery:
    """A battery at its AC terminals; the BMS keeps the state of charge between the two limits."""

    id: str
    site: str
    capacity_wh: float
    charge_w: float
    discharge_w: float
    eta_charge: float
    eta_discharge: float
    soc_min: float
    soc_max: float
    soc_start: float
    dead_time_s: float
    ramp_w_per_s: float
    watchdog_s: float | None
    health: float
    safe: str


@dataclass(frozen=True)
class Pv:
    """A PV plant: DC peak, and the AC (in a hybrid: MPPT) power at which it clips."""

    id: str
    site: str
    peak_w: float
    clip_w: float
    tilt_deg: float
    azimuth_deg: float
    dead_time_s: float
    ramp_w_per_s: float
    safe: str


@dataclass(frozen=True)
class Load:
    """The demand of a building: a standard profile scaled to a year's energy, and its fuse."""

    id: str
    site: str
    profile: str
    annual_mwh: float
    max_w: float


@dataclass(frozen=True)
class Charger:
    """One EV connector, and how busy it is."""

    id: str
    site: str
    max_w: float
    floor_w: float
    phases: int
    sessions_per_day: float
    announces_departure: float
    announces_need: float
    safe: str


@dataclass(frozen=True)
class Meter:
    """A meter of one node, or of the sum of some assets; it shows values ``age_s`` old."""

    id: str
    role: str
    node: str | None
    assets: tuple[str, ...]
    age_s: float
    period_s: float


@dataclass(frozen=True)
class Link:
    """A listener that the simulation opens; the port is resolved from the base port."""

    id: str
    adapter: str
    host: str
    port: int
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Carried:
    """What a device carries: an asset or a meter; ``reads`` ranks the quantities it reports."""

    asset: str | None
    meter: str | None
    writes: bool
    reads: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Device:
    """An identity on a link; ``simulation`` holds its entry under ``simulation.devices``."""

    id: str
    link: str
    adapter: str
    profile: str
    safe: str
    identity: Mapping[str, Any]
    options: Mapping[str, Any]
    carries: tuple[Carried, ...]
    simulation: Mapping[str, Any]

    @property
    def assets(self) -> tuple[str, ...]:
        return tuple(carried.asset for carried in self.carries if carried.asset)


@dataclass(frozen=True)
class City:
    """The whole city as the simulation sees it."""

    id: str
    time_zone: str
    country: str
    latitude: float
    longitude: float
    seed: int
    start: datetime
    base_port: int
    nodes: tuple[Node, ...]
    sites: tuple[Site, ...]
    batteries: tuple[Battery, ...]
    pvs: tuple[Pv, ...]
    loads: tuple[Load, ...]
    chargers: tuple[Charger, ...]
    meters: tuple[Meter, ...]
    links: tuple[Link, ...]
    devices: tuple[Device, ...]
    faults: tuple[Scripted, ...]
    weather_port: int | None = None
    """Where the city's own weather service listens; None: it has none."""

    @property
    def assets(self) -> tuple[Battery | Pv | Load | Charger, ...]:
        """Every asset, in the order loads, PV, chargers, batteries."""
        return (*self.loads, *self.pvs, *self.chargers, *self.batteries)
