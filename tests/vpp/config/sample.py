"""A small city that is right, to be spoilt line by line."""

SAMPLE = """\
version: 1
portfolio:
  id: sample
  currency: KRW
  time_zone: Asia/Seoul
  country: KR
  latitude: 35.16
  longitude: 126.85
nodes:
  - id: city
    rating_kw: {import: 400, export: 400}
  - id: north
    parent: city
    settles: true
    tariff: general
    contract_kw: {import: 90}
    rating_kw: {import: 100, export: 100}
sites:
  - id: block
    parent: north
    rating_kw: {import: 80, export: 80}
  - id: hub
    parent: north
assets:
  - id: block-bat
    site: block
    kind: battery
    capacity_kwh: 100
    charge_kw: 20
    discharge_kw: 25
    soc_max: 0.9
  - id: block-pv
    site: block
    kind: pv
    peak_kw: 30
  - id: block-load
    site: block
    kind: load
    max_kw: 40
  - id: hub-cp
    site: hub
    kind: ev_charger
    max_kw: 11
meters:
  - id: block-meter
    role: site
    node: block
  - id: north-meter
    role: boundary
    node: north
links:
  - id: block-link
    adapter: modbus
    port_offset: 10
  - id: stations
    adapter: mqtt
    port: 1883
devices:
  - id: block-ess
    link: block-link
    adapter: modbus
    profile: sunspec-ess
    carries:
      - asset: block-bat
        writes: true
        reads: {power_kw: 0, soc: 1}
  - id: block-bms
    link: block-link
    adapter: modbus
    profile: sunspec-bms
    carries:
      - asset: block-bat
        reads: {soc: 0}
  - id: block-grid
    link: block-link
    adapter: modbus
    profile: sunspec-meter
    carries:
      - meter: block-meter
      - meter: north-meter
  - id: hub-station
    link: stations
    adapter: mqtt
    profile: vpp-1
    safe: floor
    carries:
      - asset: hub-cp
        writes: true
tariffs:
  - id: general
    periods:
      - valid_from: 2025-01-01
        valid_to: 2026-01-01
        source: the first list
        seasons:
          - name: whole year
            months: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
            energy_per_kwh: {light: 90, dear: 150}
            bands:
              weekday: {light: "22-8", dear: "8-22"}
              sunday: {light: "0-24"}
      - valid_from: 2026-01-01
        source: the second list
        seasons:
          - name: cold
            months: [1, 2, 3, 10, 11, 12]
            energy_per_kwh: {light: 100}
            bands:
              weekday: {light: "0-24"}
          - name: warm
            months: [4, 5, 6, 7, 8, 9]
            energy_per_kwh: {light: 80}
            bands:
              weekday: {light: "0-24"}
        demand: {per_kw: 6490, interval_min: 15, floor_kw: 27}
simulation: {seed: 1}
"""


def spoilt(*changes: tuple[str, str]) -> str:
    """The sample with texts replaced, each of which stands in it exactly once."""
    text = SAMPLE
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
