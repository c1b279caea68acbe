"""Small cities, snapshots and forecasts for the tests of planning."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from vpp.config.city import read_city
from vpp.domain.devices import Authority
from vpp.domain.forecast import Forecast
from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.session import EvSession
from vpp.domain.slots import SlotGrid
from vpp.domain.snapshot import Column, DeviceState, Layout, Snapshot

NOON = datetime(2026, 7, 15, 3, 0, tzinfo=UTC)

TWO_SITES = """
version: 1
portfolio: {id: two, name: Two sites, currency: KRW, time_zone: Asia/Seoul, country: KR,
            latitude: 35.16, longitude: 126.85, order: local}
nodes:
  - {id: street, settles: true, tariff: flat, rating_kw: {import: 100, export: 60},
     contract_kw: {import: 40}}
sites:
  - {id: home, parent: street, rating_kw: {import: 30, export: 20}}
  - {id: shop, parent: street, rating_kw: {import: 50, export: 50}}
assets:
  - {id: home-bat, site: home, kind: battery, capacity_kwh: 10, charge_kw: 4, discharge_kw: 5,
     reserve_soc: 0.2}
  - {id: home-pv, site: home, kind: pv, peak_kw: 6, curtailable: true}
  - {id: home-pv-2, site: home, kind: pv, peak_kw: 3}
  - {id: home-load, site: home, kind: load, max_kw: 9}
  - {id: shop-load, site: shop, kind: load, max_kw: 20}
  - {id: shop-cp, site: shop, kind: ev_charger, max_kw: 11, floor_kw: 4.1, guaranteed_kw: 4.1,
     default_need_kwh: 12, default_stay_h: 6}
meters:
  - {id: home-meter, role: site, node: home}
  - {id: shop-meter, role: site, node: shop}
links:
  - {id: wires, adapter: modbus, host: 127.0.0.1, port: 502}
  - {id: stations, adapter: mqtt, host: 127.0.0.1, port: 1883}
devices:
  - {id: home-ess, link: wires, adapter: modbus, profile: sunspec-ess, authority: auto,
     carries: [{asset: home-bat, writes: true}]}
  - {id: home-inverter, link: wires, adapter: modbus, profile: sunspec-pv, authority: auto,
     carries: [{asset: home-pv, writes: true}]}
  - {id: home-inverter-2, link: wires, adapter: modbus, profile: sunspec-inverter,
     carries: [{asset: home-pv-2}]}
  - {id: home-counter, link: wires, adapter: modbus, profile: sunspec-meter,
     carries: [{meter: home-meter}]}
  - {id: shop-counter, link: wires, adapter: modbus, profile: sunspec-meter,
     carries: [{meter: shop-meter}]}
  - {id: shop-station, link: stations, adapter: mqtt, profile: vpp-1, authority: auto, safe: floor,
     carries: [{asset: shop-cp, writes: true}], options: {site: shop}}
tariffs:
  - id: flat
    periods:
      - valid_from: 2020-01-01
        source: made up
        seasons:
          - {name: always, months: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
             energy_per_kwh: {all: 100},
             bands: {weekday: {all: "0-24"}, saturday: {all: "0-24"}, sunday: {all: "0-24"},
                     holiday: {all: "0-24"}}}
        demand: {per_kw: 6000, interval_min: 15}
        export_per_kwh: 10
        grid_kg_per_kwh: 0.4
"""


def two_streets(rating_kw: float, contract_kw: float | None = None) -> Portfolio:
    """A street of the two sites and a street with a battery of its own, under one rating."""
    contract = "" if contract_kw is None else f", contract_kw: {{import: {contract_kw}}}"
    text = TWO_SITES.replace(
        "nodes:\n",
        f"nodes:\n  - {{id: town, rating_kw: {{import: {rating_kw}, export: 60}}{contract}}}\n"
        "  - {id: lane, parent: town, settles: true, tariff: flat}\n",
        1,
    ).replace("{id: street,", "{id: street, parent: town,")
    text = text.replace("sites:\n", "sites:\n  - {id: mill, parent: lane}\n", 1)
    text = text.replace(
        "assets:\n", "assets:\n  - {id: mill-load, site: mill, kind: load, max_kw: 9}\n", 1
    )
    return read_city(text, "two-streets.yaml").portfolio


def two_sites() -> Portfolio:
    return read_city(TWO_SITES, "two-sites.yaml").portfolio


def snapshot(
    portfolio: Portfolio,
    values: Mapping[str, Mapping[Quantity, float]],
    *,
    sessions: Mapping[AssetId, EvSession | None] | None = None,
    authority: Mapping[str, Authority] | None = None,
    at: datetime = NOON,
    now_s: float = 1000.0,
) -> Snapshot:
    """What is named is good; anything else never arrived. Every device is online and read."""
    layout = Layout(assets=tuple(portfolio.assets), meters=tuple(portfolio.meters))
    states = {
        device.id: DeviceState(
            online=True,
            authority=(authority or {}).get(device.id, device.authority),
            identified=True,
            read_back=True,
            arrived_s=now_s,
        )
        for device in portfolio.devices.values()
    }
    return Snapshot(
        tick=1,
        at=at,
        now_s=now_s,
        layout=layout,
        assets={q: column(layout.assets, values, q, now_s) for q in Quantity},
        meters={q: column(layout.meters, values, q, now_s) for q in Quantity},
        sessions=sessions or {},
        devices=states,
    )


def column(
    ids: tuple[str, ...],
    values: Mapping[str, Mapping[Quantity, float]],
    quantity: Quantity,
    now_s: float,
) -> Column:
    found = np.array([values.get(i, {}).get(quantity, np.nan) for i in ids], dtype=float)
    there = ~np.isnan(found)
    quality = np.where(there, Quality.GOOD, Quality.MISSING).astype(np.uint8)
    return Column(
        values=found, quality=quality, measured_s=np.where(there, now_s, -np.inf).astype(float)
    )


def forecast(
    subject: str,
    quantity: Quantity,
    grid: SlotGrid,
    middle_kw: npt.ArrayLike,
    spread_kw: float | npt.NDArray[np.float64] = 0,
) -> Forecast:
    middle = np.broadcast_to(np.asarray(middle_kw, dtype=float), (len(grid),))
    return Forecast(
        subject=subject,
        quantity=quantity,
        grid=grid,
        issued_at=NOON,
        values_kw=np.stack([middle - spread_kw, middle, middle + spread_kw]),
        source="made up",
        input_age_s=60.0,
    )
