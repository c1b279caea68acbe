"""A small city and single plants for the tests of the world."""

from dataclasses import replace

from simulators.city import Battery, Charger, City, Pv
from simulators.city_file import parse_city

TEXT = """
version: 1
portfolio: {id: sample, time_zone: Asia/Seoul, country: KR, latitude: 35.16, longitude: 126.85}
nodes:
  - {id: city}
  - {id: north, parent: city, settles: true}
sites:
  - {id: apt, parent: north}
  - {id: office, parent: north}
assets:
  - {id: apt-bat, site: apt, kind: battery, capacity_kwh: 120, charge_kw: 50, discharge_kw: 40,
     eta_charge: 0.96, eta_discharge: 0.95}
  - {id: apt-pv, site: apt, kind: pv, peak_kw: 70, tilt_deg: 20, azimuth_deg: 180}
  - {id: apt-load, site: apt, kind: load, max_kw: 120}
  - {id: office-bat, site: office, kind: battery, capacity_kwh: 10, charge_kw: 5, discharge_kw: 5,
     eta_charge: 0.96, eta_discharge: 0.96}
  - {id: office-pv, site: office, kind: pv, peak_kw: 12, tilt_deg: 30, azimuth_deg: 150}
  - {id: office-load, site: office, kind: load, max_kw: 60}
  - {id: hub-cp1, site: office, kind: ev_charger, max_kw: 11, floor_kw: 4.1, phases: three}
meters:
  - {id: apt-meter, role: site, node: apt}
  - {id: north-meter, role: boundary, node: north}
  - {id: pv-meter, role: asset, assets: [apt-pv, office-pv]}
links:
  - {id: ess-link, adapter: modbus, host: 127.0.0.1, port_offset: 10}
  - {id: stations, adapter: mqtt, port: 1883}
devices:
  - {id: apt-ess, link: ess-link, adapter: modbus, profile: sunspec-ess, safe: autonomous,
     carries: [{asset: apt-bat, writes: true, reads: {power_kw: 0, soc: 1}}], options: {unit: 1}}
  - {id: hybrid, link: ess-link, adapter: modbus, profile: storedge, safe: autonomous,
     carries: [{asset: office-bat, writes: true}, {asset: office-pv, writes: true}],
     options: {ac_rating_kw: 10}}
  - {id: apt-grid, link: ess-link, adapter: modbus, profile: sunspec-meter,
     carries: [{meter: apt-meter}]}
  - {id: hub, link: stations, adapter: mqtt, profile: vpp-1, safe: floor,
     carries: [{asset: hub-cp1, writes: true}]}
simulation:
  seed: 20
  start: 2026-07-15T05:20:00+09:00
  sites:
    apt: {load: {profile: households, annual_mwh: 260}}
    office: {load: {profile: commerce, annual_mwh: 100}}
  devices:
    apt-ess: {soc_start: 0.3, dead_time_s: 1.0, ramp_kw_per_s: 25, watchdog_s: 300}
    apt-grid: {age_s: 3.0}
  chargers:
    hub-cp1: {sessions_per_day: 2, announces_departure: 0.6, announces_need: 0.6}
"""


def sample_city(seed: int = 20) -> City:
    return replace(parse_city(TEXT), seed=seed)


BATTERY = Battery(
    id="bat",
    site="home",
    capacity_wh=10_000,
    charge_w=5_000,
    discharge_w=4_000,
    eta_charge=0.95,
    eta_discharge=0.9,
    soc_min=0.1,
    soc_max=0.9,
    soc_start=0.5,
    dead_time_s=1.0,
    ramp_w_per_s=1_000,
    watchdog_s=None,
    health=1.0,
    safe="zero",
)

PV = Pv(
    id="pv",
    site="home",
    peak_w=10_000,
    clip_w=9_000,
    tilt_deg=20,
    azimuth_deg=180,
    dead_time_s=1.0,
    ramp_w_per_s=1_000,
    safe="autonomous",
)

CHARGER = Charger(
    id="cp",
    site="home",
    max_w=11_000,
    floor_w=4_140,
    phases=3,
    sessions_per_day=2,
    announces_departure=0.5,
    announces_need=0.5,
    safe="floor",
)
