"""Writes what the city is and what drives it as tables: the truth of the same world, unsteered.

::

    sites.csv            one row per site: its batteries summed, efficiencies weighted by capacity
    batteries.csv        one row per battery
    sites_15min.csv.gz   timestamp_utc, site, load_kw, pv_kw: means from the timestamp on; pv is
                         what the sun offers, as a magnitude; cars are not in the load
    ev_sessions.csv      one row per car; one that is there before the first interval begins is
                         listed from then on, with what it still needs after charging on arrival
    weather_hourly.csv.gz  timestamp_utc, lead_h, air_c, ghi_w_per_m2, dhi_w_per_m2: what was
                         forecast of each hour so many hours before it began, and of the two
                         days after the end as far as it was known then
    meta.yaml            time_zone, latitude, longitude, country
"""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import yaml

from simulators.city import Battery, City
from simulators.entry import UsageError
from simulators.inputs.ev import ChargerLife
from simulators.inputs.forecast import HOUR_S, LEADS_H, WeatherService
from simulators.inputs.load import load_traces
from simulators.inputs.noise import Floats
from simulators.inputs.sun_power import sun_traces
from simulators.inputs.trace import Traces

Row = Sequence[object]

BATTERY_COLUMNS = (
    "battery_capacity_kwh",
    "battery_power_kw",
    "battery_charge_kw",
    "battery_discharge_kw",
    "eta_charge",
    "eta_discharge",
    "soc_min_kwh",
    "soc_max_kwh",
    "soc_init_kwh",
)
SESSION_COLUMNS = (
    "session_id",
    "charger",
    "site",
    "arrival_utc",
    "departure_utc",
    "energy_kwh",
    "max_kw",
)

WEATHER_COLUMNS = ("timestamp_utc", "lead_h", "air_c", "ghi_w_per_m2", "dhi_w_per_m2")


def export(
    city: City, folder: Path | str, start: datetime, end: datetime, step: timedelta
) -> list[Path]:
    """Writes the tables for ``[start, end)`` and returns their paths."""
    _check_span(start, end, step)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _write(folder / "sites.csv", ("site", *BATTERY_COLUMNS), _site_rows(city)),
        _write(
            folder / "batteries.csv",
            ("battery", "site", *BATTERY_COLUMNS),
            ([unit.id, unit.site, *battery_figures([unit])] for unit in city.batteries),
        ),
        _write(
            folder / f"sites_{step_name(step)}.csv.gz",
            ("timestamp_utc", "site", "load_kw", "pv_kw"),
            _power_rows(city, start, end, step),
        ),
        _write(folder / "ev_sessions.csv", SESSION_COLUMNS, _session_rows(city, start, end)),
        _write(folder / "weather_hourly.csv.gz", WEATHER_COLUMNS, _weather_rows(city, start, end)),
        _write_meta(folder / "meta.yaml", city),
    ]


def step_name(step: timedelta) -> str:
    """The step as it stands in a file's name."""
    seconds = step.total_seconds()
    if seconds == 3600:
        return "hourly"
    return f"{seconds / 60:g}min" if seconds % 60 == 0 else f"{seconds:g}s"


def battery_figures(batteries: list[Battery]) -> Row:
    """The battery columns for some batteries taken as one."""
    capacity_wh = [unit.capacity_wh * unit.health for unit in batteries]
    total_wh = sum(capacity_wh)

    def held_kwh(socs: Iterable[float]) -> float:
        return round(sum(wh * soc for wh, soc in zip(capacity_wh, socs, strict=True)) / 1000, 6)

    def weighted(values: Iterable[float]) -> float:
        return round(held_kwh(values) * 1000 / total_wh, 6) if total_wh else 1.0

    charge_kw = sum(unit.charge_w for unit in batteries) / 1000
    discharge_kw = sum(unit.discharge_w for unit in batteries) / 1000
    return (
        round(total_wh / 1000, 6),
        min(charge_kw, discharge_kw),
        charge_kw,
        discharge_kw,
        weighted(unit.eta_charge for unit in batteries),
        weighted(unit.eta_discharge for unit in batteries),
        held_kwh(unit.soc_min for unit in batteries),
        held_kwh(unit.soc_max for unit in batteries),
        held_kwh(unit.soc_start for unit in batteries),
    )


def _check_span(start: datetime, end: datetime, step: timedelta) -> None:
    if start.tzinfo is None or end.tzinfo is None:
        raise UsageError("start and end of an export need their offset from UTC")
    if end <= start:
        raise UsageError(f"the end {end} of an export is not after its start {start}")
    if step <= timedelta(0) or (end - start) % step:
        raise UsageError(f"from {start} to {end} is not a whole number of steps of {step}")


def _site_rows(city: City) -> Iterator[Row]:
    for site in city.sites:
        batteries = [unit for unit in city.batteries if unit.site == site.id]
        yield [site.id, *battery_figures(batteries)]


def _power_rows(city: City, start: datetime, end: datetime, step: timedelta) -> Iterator[Row]:
    """Exact means of the world's traces, site by site within each interval."""
    demand, sun = load_traces(city), sun_traces(city)
    load_site = [load.site for load in city.loads]
    pv_site = [pv.site for pv in city.pvs]
    for number in range((end - start) // step):
        begin = start + number * step
        load_kw = _by_site(demand, load_site, begin, step)
        pv_kw = _by_site(sun, pv_site, begin, step)
        stamp = _stamp(begin)
        for site in city.sites:
            yield stamp, site.id, f"{load_kw.get(site.id, 0):.5f}", f"{pv_kw.get(site.id, 0):.5f}"


def _by_site(
    traces: Traces, sites: list[str], begin: datetime, step: timedelta
) -> dict[str, float]:
    begin_s = begin.timestamp()
    mean_kw: Floats = traces.energy_wh(begin_s, begin_s + step.total_seconds()) / (
        step / timedelta(hours=1) * 1000
    )
    sums: dict[str, float] = {}
    for site, power_kw in zip(sites, mean_kw.tolist(), strict=True):
        sums[site] = sums.get(site, 0.0) + power_kw
    return sums


def _session_rows(city: City, start: datetime, end: datetime) -> Iterator[Row]:
    for charger in city.chargers:
        for session in ChargerLife(city, charger).between(start, end):
            missing_wh = session.missing_wh(start)
            if missing_wh > 0:
                yield (
                    session.id,
                    charger.id,
                    charger.site,
                    _stamp(max(session.arrival, start)),
                    _stamp(session.departure),
                    round(missing_wh / 1000, 5),
                    session.max_w / 1000,
                )


def _weather_rows(city: City, start: datetime, end: datetime) -> Iterator[Row]:
    service = WeatherService(city)
    first_s = start.timestamp() // HOUR_S * HOUR_S
    ends = np.ceil((end.timestamp() - first_s) / HOUR_S)
    hours = np.arange(ends + max(LEADS_H))
    for lead_h in LEADS_H:
        told = service.of(first_s, np.full(len(hours), float(lead_h)))
        for hour in range(int(ends) + lead_h):
            stamp = _stamp(datetime.fromtimestamp(first_s + HOUR_S * hour, UTC))
            values = (told.air_c[hour], told.ghi_w_m2[hour], told.dhi_w_m2[hour])
            yield stamp, lead_h, *(f"{value:.2f}" for value in values)


def _stamp(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> Path:
    """A CSV file; compressed ones carry no time of writing, so that they compare equal."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def _write_meta(path: Path, city: City) -> Path:
    meta = {
        "time_zone": city.time_zone,
        "latitude": city.latitude,
        "longitude": city.longitude,
        "country": city.country,
    }
    path.write_text(yaml.safe_dump(meta, sort_keys=False), encoding="utf-8")
    return path
