"""Reads the city file as far as a simulation needs it.

Only the reserved key ``simulation:`` is checked for unknown keys here; the rest of the file is
checked in full by the controller's own reader, which this package does not share.
"""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import holidays
import yaml

from simulators.city import (
    Battery,
    Carried,
    Charger,
    City,
    Device,
    Link,
    Load,
    Meter,
    Node,
    Pv,
    Site,
)
from simulators.entry import LARGEST, CityError, Entry, meant, shown
from simulators.fault_script import read_fault
from simulators.lines import read_lined

DEFAULT_BASE_PORT = 15020
DEVICE_KEYS = (
    "soc_start", "health", "dead_time_s", "ramp_kw_per_s", "watchdog_s", "ac_kw",
    "age_s", "period_s", "sign", "strict_blocks", "max_clients", "ready_after_s", "idle_close_s",
)  # fmt: skip
LAST_PORT = 0xFFFF
LARGEST_FILE = 16 << 20
"""Bytes; more than ten thousand sites."""
SAFE_STATES = ("autonomous", "zero", "floor")
INVERTER_LOADING = 1.1
"""DC peak of the modules over the AC rating of a PV plant's inverter, unless stated."""
USUAL_ETA = 0.95
"""Of a battery, each way, unless stated."""


def read_city(path: Path | str, base_port: int | None = None) -> City:
    """Reads a city file; ``base_port`` overrides the one that it states."""
    path = Path(path)
    if path.is_fifo():
        raise CityError(f"{path}: is a pipe; write the city into a file")
    try:
        with path.open("rb") as source:
            said = source.read(LARGEST_FILE + 1)
        if len(said) > LARGEST_FILE:
            raise CityError(f"{path}: larger than {LARGEST_FILE >> 20} MiB; no city file")
        text = said.decode("utf-8")
    except OSError as error:
        raise CityError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CityError(f"{path}: not UTF-8 text: {error}") from error
    return parse_city(text, str(path), base_port)


def parse_city(text: str, name: str = "city", base_port: int | None = None) -> City:
    """Reads the text of a city file; ``name`` stands in error messages."""
    try:
        tree = read_lined(text)
    except yaml.YAMLError as error:
        raise CityError(_not_yaml(name, error)) from error
    return CityReader(Entry.of(tree, name), base_port).city()


def _not_yaml(name: str, error: yaml.YAMLError) -> str:
    """What is wrong in one line, with its place."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error)
    return f"{name}{f':{mark.line + 1}' if mark else ''}: the whole file: not YAML: {said}"


class CityReader:
    """Turns the tree of one city file into values."""

    def __init__(self, root: Entry, base_port: int | None) -> None:
        self.root = root
        self.portfolio = root.child("portfolio")
        self.simulation = root.child("simulation")
        self.simulation.refuse_unknown(
            ("seed", "start", "base_port", "sites", "devices", "chargers", "faults")
        )
        stated = self.simulation.whole("base_port", DEFAULT_BASE_PORT)
        self.base_port = stated if base_port is None else base_port
        self.devices = tuple(self._device(entry) for entry in root.children("devices"))
        self.writers = {
            carried.asset: device
            for device in self.devices
            for carried in device.carries
            if carried.asset and carried.writes
        }
        self.meter_settings = {
            carried.meter: self.simulation.child("devices").child(device.id)
            for device in self.devices
            for carried in device.carries
            if carried.meter
        }
        self.hybrid_assets = {
            asset
            for device in self.devices
            if "ac_rating_kw" in device.options
            for asset in device.assets
        }

    def city(self) -> City:
        city = City(
            id=self.portfolio.text("id"),
            time_zone=self._time_zone(),
            country=self._country(),
            latitude=self.portfolio.number_between("latitude", -66, 66, None),
            longitude=self.portfolio.number_between("longitude", -180, 180, None),
            seed=self.simulation.whole("seed", 1),
            start=self.simulation.instant("start"),
            base_port=self.base_port,
            nodes=tuple(self._node(entry) for entry in self.root.children("nodes")),
            sites=tuple(self._site(entry) for entry in self.root.children("sites")),
            batteries=tuple(self._battery(entry) for entry in self._assets("battery")),
            pvs=tuple(self._pv(entry) for entry in self._assets("pv")),
            loads=tuple(self._loads()),
            chargers=tuple(self._charger(entry) for entry in self._assets("ev_charger")),
            meters=tuple(self._meter(entry) for entry in self.root.children("meters")),
            links=tuple(self._link(entry) for entry in self.root.children("links")),
            devices=self.devices,
            faults=tuple(
                read_fault(entry, [device.id for device in self.devices])
                for entry in self.simulation.children("faults")
            ),
            weather_port=self._weather_port(),
        )
        self._check_references(city)
        return city

    def _time_zone(self) -> str:
        name = self.portfolio.text("time_zone")
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            problem = f"no time zone is called {shown(name)}{meant(name, available_timezones())}"
            raise self.portfolio.error("time_zone", problem) from error
        return name

    def _country(self) -> str:
        name = self.portfolio.text("country")
        try:
            holidays.country_holidays(name)
        except NotImplementedError as error:
            problem = f"no holidays are known of {shown(name)}; an ISO code such as KR is needed"
            raise self.portfolio.error("country", problem) from error
        return name

    def _node(self, entry: Entry) -> Node:
        parent = entry.text("parent") if "parent" in entry.values else None
        return Node(entry.text("id"), parent, entry.flag("settles"))

    def _site(self, entry: Entry) -> Site:
        return Site(
            id=entry.text("id"),
            parent=entry.text("parent"),
            name=entry.text("name", entry.text("id")),
            latitude=entry.number("latitude", self.portfolio.number("latitude")),
            longitude=entry.number("longitude", self.portfolio.number("longitude")),
        )

    def _assets(self, kind: str) -> Iterator[Entry]:
        for entry in self.root.children("assets"):
            if entry.text("kind") == kind:
                yield entry

    def _settings(self, asset: str) -> Entry:
        """The entry under ``simulation.devices`` of the device that an asset is written through."""
        writer = self.writers.get(asset)
        listed = self.simulation.child("devices")
        return listed.child(writer.id) if writer else Entry({}, listed.file)

    def _safe(self, asset: str) -> str:
        writer = self.writers.get(asset)
        return writer.safe if writer else "autonomous"

    def _battery(self, entry: Entry) -> Battery:
        asset = entry.text("id")
        settings = self._settings(asset)
        charge_w = entry.number("charge_kw") * 1000
        low = entry.number_between("soc_min", 0, 1, 0)
        high = entry.number_between("soc_max", low, 1, 1)
        return Battery(
            id=asset,
            site=entry.text("site"),
            capacity_wh=entry.number("capacity_kwh") * 1000,
            charge_w=charge_w,
            discharge_w=entry.number("discharge_kw") * 1000,
            eta_charge=entry.number_between("eta_charge", 0.01, 1, USUAL_ETA),
            eta_discharge=entry.number_between("eta_discharge", 0.01, 1, USUAL_ETA),
            soc_min=low,
            soc_max=high,
            soc_start=settings.number_between("soc_start", low, high, (low + high) / 2),
            dead_time_s=settings.number_between("dead_time_s", 0, 60, 1),
            ramp_w_per_s=settings.number("ramp_kw_per_s", charge_w / 1000) * 1000,
            watchdog_s=settings.optional_number("watchdog_s"),
            health=settings.number_between("health", 0.1, 1, 1),
            safe=self._safe(asset),
        )

    def _pv(self, entry: Entry) -> Pv:
        asset = entry.text("id")
        settings = self._settings(asset)
        peak_w = entry.number("peak_kw") * 1000
        hybrid = asset in self.hybrid_assets
        ac_w = settings.number("ac_kw", peak_w / INVERTER_LOADING / 1000) * 1000
        return Pv(
            id=asset,
            site=entry.text("site"),
            peak_w=peak_w,
            clip_w=peak_w if hybrid else ac_w,
            tilt_deg=entry.number_between("tilt_deg", 0, 90, 20),
            azimuth_deg=entry.number_between("azimuth_deg", 0, 360, 180),
            dead_time_s=settings.number_between("dead_time_s", 0, 60, 1),
            ramp_w_per_s=settings.number("ramp_kw_per_s", peak_w / 5000) * 1000,
            safe="autonomous" if hybrid else self._safe(asset),
        )

    def _loads(self) -> Iterator[Load]:
        entries = list(self._assets("load"))
        fuses: dict[str, float] = {}
        for entry in entries:
            fuses[entry.text("site")] = fuses.get(entry.text("site"), 0) + entry.positive("max_kw")
        for entry in entries:
            yield self._load(entry, entry.number("max_kw") / fuses[entry.text("site")])

    def _load(self, entry: Entry, share: float) -> Load:
        """A site's yearly energy is shared among its loads by their fuses."""
        site = self.simulation.child("sites").child(entry.text("site"))
        site.refuse_unknown(("load",))
        model = site.child("load")
        model.refuse_unknown(("profile", "annual_mwh"))
        return Load(
            id=entry.text("id"),
            site=entry.text("site"),
            profile=model.choice("profile", ("households", "commerce", "farm")),
            annual_mwh=model.number_between("annual_mwh", 0, LARGEST, None) * share,
            max_w=entry.number("max_kw") * 1000,
        )

    def _charger(self, entry: Entry) -> Charger:
        asset = entry.text("id")
        model = self.simulation.child("chargers").child(asset)
        model.refuse_unknown(("sessions_per_day", "announces_departure", "announces_need"))
        max_w = entry.number("max_kw") * 1000
        return Charger(
            id=asset,
            site=entry.text("site"),
            max_w=max_w,
            floor_w=entry.number_between("floor_kw", 0, max_w / 1000, 0) * 1000,
            phases=3 if entry.values.get("phases") == "three" else 1,
            sessions_per_day=model.number_between("sessions_per_day", 0, 24, 1),
            announces_departure=model.number_between("announces_departure", 0, 1, 0.5),
            announces_need=model.number_between("announces_need", 0, 1, 0.5),
            safe=self._safe(asset),
        )

    def _meter(self, entry: Entry) -> Meter:
        meter = entry.text("id")
        settings = self.meter_settings.get(meter, Entry({}, entry.file))
        return Meter(
            id=meter,
            role=entry.text("role"),
            node=entry.text("node") if "node" in entry.values else None,
            assets=entry.texts("assets"),
            age_s=settings.number_between("age_s", 0, 600, 0),
            period_s=settings.number_between("period_s", 0.1, 600, 1),
        )

    def _weather_port(self) -> int | None:
        """Of the service that the city file calls its own by a port offset."""
        entry = self.root.child("weather")
        return self._port(entry) if "port_offset" in entry.values else None

    def _port(self, entry: Entry) -> int:
        offset = entry.optional_number("port_offset")
        port = entry.number("port") if offset is None else self.base_port + offset
        if not 0 <= port <= LAST_PORT:
            where = "port" if offset is None else "port_offset"
            raise entry.error(where, f"no port from 0 to {LAST_PORT}: {port:g}")
        return int(port)

    def _link(self, entry: Entry) -> Link:
        return Link(
            id=entry.text("id"),
            adapter=entry.text("adapter"),
            host=entry.text("host", "127.0.0.1"),
            port=self._port(entry),
            options=entry.child("options").values,
        )

    def _device(self, entry: Entry) -> Device:
        device = entry.text("id")
        options = entry.child("options")
        if "unit" in options.values:
            options.number_between("unit", 0, 255, None)
        return Device(
            id=device,
            link=entry.text("link"),
            adapter=entry.text("adapter"),
            profile=entry.text("profile"),
            safe=entry.choice("safe", SAFE_STATES, "autonomous"),
            identity=entry.child("identity").values,
            options=options.values,
            carries=tuple(self._carried(carried) for carried in entry.children("carries")),
            simulation=self._behaviour(device).values,
        )

    def _behaviour(self, device: str) -> Entry:
        """How a device behaves beside its assets' physics; the values of all its settings."""
        settings = self.simulation.child("devices").child(device)
        settings.refuse_unknown(DEVICE_KEYS)
        settings.choice("sign", ("import_positive", "export_positive"), "import_positive")
        settings.flag("strict_blocks")
        settings.number_between("ready_after_s", 0, LARGEST, 0)
        for key in ("max_clients", "idle_close_s"):
            if settings.values.get(key) is not None:
                settings.positive(key)
        return settings

    def _carried(self, entry: Entry) -> Carried:
        ranks = entry.child("reads")
        return Carried(
            asset=entry.text("asset") if "asset" in entry.values else None,
            meter=entry.text("meter") if "meter" in entry.values else None,
            writes=entry.flag("writes"),
            reads={key: ranks.whole(key) for key in ranks.values},
        )

    def _check_references(self, city: City) -> None:
        """Every name that the simulation follows must exist."""
        nodes, sites = {node.id for node in city.nodes}, {site.id for site in city.sites}
        known = {
            "parent": nodes,
            "site": sites,
            "node": nodes | sites,
            "asset": {asset.id for asset in city.assets},
            "meter": {meter.id for meter in city.meters},
            "link": {link.id for link in city.links},
        }
        for part in ("nodes", "sites", "assets", "meters", "devices"):
            for entry in self.root.children(part):
                _refuse_strangers(entry, known)
                for carried in entry.children("carries"):
                    _refuse_strangers(carried, known)
        for part, names in {
            "sites": known["site"],
            "devices": {device.id for device in city.devices},
            "chargers": {charger.id for charger in city.chargers},
        }.items():
            self.simulation.child(part).refuse_unknown(sorted(names))


def _refuse_strangers(entry: Entry, known: dict[str, set[str]]) -> None:
    for key, names in known.items():
        value = entry.values.get(key)
        if value is not None and not (isinstance(value, str) and value in names):
            close = meant(str(value), names)
            raise entry.error(key, f"nothing here is called {shown(value)}{close}")
