"""Small cities for the tests, on free ports."""

from typing import Any

import yaml

from simulators.city import City
from simulators.city_file import parse_city
from simulators.wire.free_ports import free_base_port

HOUSE = """
version: 1
portfolio: {id: t, name: Test, currency: KRW, time_zone: Asia/Seoul, country: KR,
  latitude: 35.16, longitude: 126.85}
nodes: [{id: north, settles: true, rating_kw: {import: 500, export: 500}}]
sites: [{id: house, parent: north, name: House, rating_kw: {import: 200, export: 200}}]
assets:
  - {id: bat, site: house, kind: battery, capacity_kwh: 100, charge_kw: 50, discharge_kw: 40,
     eta_charge: 0.96, eta_discharge: 0.96}
  - {id: roof, site: house, kind: pv, peak_kw: 48, curtailable: true}
  - {id: shed, site: house, kind: pv, peak_kw: 12}
  - {id: hybat, site: house, kind: battery, capacity_kwh: 20, charge_kw: 10, discharge_kw: 8,
     eta_charge: 0.96, eta_discharge: 0.96}
  - {id: hypv, site: house, kind: pv, peak_kw: 12}
  - {id: demand, site: house, kind: load, max_kw: 60}
  - {id: cp1, site: house, kind: ev_charger, max_kw: 11, floor_kw: 4.1, phases: three}
meters: [{id: grid, role: site, node: house, rank: 0}]
links:
  - {id: stations, adapter: mqtt, host: 127.0.0.1, port_offset: 0}
  - {id: bus, adapter: modbus, host: 127.0.0.1, port_offset: 1}
  - {id: hybrid-link, adapter: modbus, host: 127.0.0.1, port_offset: 2}
  - {id: bms-link, adapter: modbus, host: 127.0.0.1, port_offset: 3}
devices:
  - {id: ess, link: bus, adapter: modbus, profile: sunspec-ess, safe: zero,
     identity: {maker: Hanbit, model: ESS-50, serial: HB-1},
     carries: [{asset: bat, writes: true}], options: {unit: 1}}
  - {id: pv, link: bus, adapter: modbus, profile: sunspec-pv, safe: autonomous,
     carries: [{asset: roof, writes: true}], options: {unit: 2}}
  - {id: inverter, link: bus, adapter: modbus, profile: sunspec-inverter,
     carries: [{asset: shed}], options: {unit: 3}}
  - {id: meter, link: bus, adapter: modbus, profile: sunspec-meter,
     carries: [{meter: grid}], options: {unit: 4}}
  - {id: bms, link: bms-link, adapter: modbus, profile: sunspec-bms, identity: {serial: BMS-1},
     carries: [{asset: bat}], options: {unit: 1}}
  - {id: hybrid, link: hybrid-link, adapter: modbus, profile: storedge, safe: autonomous,
     identity: {maker: Haeoreum, serial: HO-1},
     carries: [{asset: hybat, writes: true}, {asset: hypv}],
     options: {unit: 1, ac_rating_kw: 10}}
  - {id: station, link: stations, adapter: mqtt, profile: vpp-1, safe: floor,
     identity: {serial: DL-1}, carries: [{asset: cp1, writes: true}], options: {site: house}}
simulation:
  seed: 7
  start: 2026-07-15T11:00:00+09:00
  sites: {house: {load: {profile: households, annual_mwh: 60}}}
  devices:
    ess: {soc_start: 0.4, dead_time_s: 1, ramp_kw_per_s: 25, watchdog_s: 300}
    hybrid: {soc_start: 0.5, dead_time_s: 1, ramp_kw_per_s: 10}
  chargers: {cp1: {sessions_per_day: 8, announces_departure: 1, announces_need: 1}}
  faults: []
"""


def house(
    *,
    without_stations: bool = False,
    devices: dict[str, Any] | None = None,
    faults: list[dict[str, Any]] | None = None,
    **simulation: Any,
) -> City:
    """One house with one device of every profile; arguments change its `simulation` key."""
    tree = yaml.safe_load(HOUSE)
    if without_stations:
        tree["devices"] = [d for d in tree["devices"] if d["adapter"] == "modbus"]
        tree["links"] = [link for link in tree["links"] if link["adapter"] == "modbus"]
    settings = tree["simulation"]
    for device, options in (devices or {}).items():
        settings["devices"][device] = settings["devices"].get(device, {}) | options
    settings["faults"] = faults or []
    settings |= simulation
    return city_of(tree)


def street(batteries: int) -> City:
    """A site with so many batteries, each a device at a port of its own."""
    tree = yaml.safe_load(HOUSE)
    numbers = range(batteries)
    tree["assets"] = [
        {"id": f"bat-{n}", "site": "house", "kind": "battery", "capacity_kwh": 10, "charge_kw": 5,
         "discharge_kw": 5, "eta_charge": 0.95, "eta_discharge": 0.95} for n in numbers
    ]  # fmt: skip
    tree["meters"] = []
    tree["links"] = [
        {"id": f"link-{n}", "adapter": "modbus", "host": "127.0.0.1", "port_offset": n}
        for n in numbers
    ]
    tree["devices"] = [
        {"id": f"ess-{n}", "link": f"link-{n}", "adapter": "modbus", "profile": "sunspec-ess",
         "safe": "zero", "carries": [{"asset": f"bat-{n}", "writes": True}], "options": {"unit": 1}}
        for n in numbers
    ]  # fmt: skip
    tree["simulation"] = {"seed": 7, "start": "2026-07-15T11:00:00+09:00"}
    return city_of(tree)


def city_of(tree: dict[str, Any]) -> City:
    offsets = [link["port_offset"] for link in tree["links"]]
    return parse_city(yaml.safe_dump(tree), "test.yaml", free_base_port(offsets))
