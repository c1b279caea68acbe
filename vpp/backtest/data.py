"""Recorded input of a community, read from a folder.

::

    sites.csv           site, and for sites with a battery: battery_capacity_kwh, battery_power_kw
                        or battery_charge_kw and battery_discharge_kw, eta_charge, eta_discharge,
                        soc_min_kwh, soc_max_kwh, soc_init_kwh
    batteries.csv       battery, site and the same columns: each battery by itself (optional)
    sites_*.csv[.gz]    timestamp_utc, site, load_kw, pv_kw: every site at every step of one length
    signals_hourly.csv  timestamp_utc, price_*_per_kwh, carbon_kg_per_kwh (optional)
    weather_*.csv[.gz]  weather forecasts as they stood (optional): ``vpp.backtest.weather``
    ev_sessions.csv     session_id, charger, arrival_utc, departure_utc, energy_kwh, max_kw
                        (optional; without session_id the rows are numbered)
    meta.yaml           time_zone, latitude, longitude, country (optional)

A table with one battery column has a capacity and powers, too; the rest may be left out. Other
columns pass, unless they look like one of these misspelt. Timestamps are the starts of their
intervals, as ``2026-07-15T00:00:00Z``; ``load_kw`` is without cars. A column ``site`` in the
sessions says whose meter they count at, else the first site's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from vpp.backtest.tables import Table, read_table, wrong
from vpp.backtest.weather import read_weather
from vpp.domain.arrays import Floats, Ints, frozen
from vpp.domain.errors import ConfigurationError, InvariantError
from vpp.domain.rules import Storage
from vpp.domain.slots import SlotGrid
from vpp.domain.text import read_text
from vpp.domain.weather import WeatherRecord

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A car at a connector: what it wanted and when it was there."""

    id: str
    charger: str
    site: int | None
    """Position of its site; None where the data do not say, counted at the first."""
    arrival_s: float
    """Seconds since 1970 UTC."""
    departure_s: float
    energy_kwh: float
    max_kw: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """What was recorded; powers are means of the slots, in kW."""

    sites: tuple[str, ...]
    grid: SlotGrid
    """Equal slots."""
    load_kw: Floats
    """Without cars, shape (sites, slots)."""
    pv_kw: Floats
    """Magnitude, shape (sites, slots)."""
    batteries: tuple[str, ...]
    """Ids; the sites' where the data tell the batteries of a site not apart."""
    storage: Storage
    start_kwh: Floats
    """Stored energy at the start, shape (batteries,)."""
    sessions: tuple[Session, ...] = ()
    price_per_kwh: Floats | None = None
    """Of imported energy, shape (slots,)."""
    carbon_kg_per_kwh: Floats | None = None
    """Of imported energy, shape (slots,)."""
    meta: dict[str, Any] = field(default_factory=dict)
    weather: WeatherRecord | None = None
    """As it was forecast before each hour."""

    @property
    def hours(self) -> float:
        """Length of a slot."""
        return float(self.grid.hours[0])

    @property
    def time_zone(self) -> str:
        """UTC if unknown."""
        return str(self.meta.get("time_zone", "UTC"))

    @property
    def utc_offset_s(self) -> float:
        """Distance of the local time from UTC at the start, positive in the east; 0 if unknown."""
        offset = self.grid.start.astimezone(ZoneInfo(self.time_zone)).utcoffset()
        return offset.total_seconds() if offset else 0.0

    @property
    def day(self) -> Floats:
        """Number of each slot's day, shape (slots,).

        Local days where the time zone is known, else 24 hours counted from the first slot.
        """
        starts_s = self.grid.edges_s[:-1]
        ahead_s = self.utc_offset_s if "time_zone" in self.meta else -float(starts_s[0])
        return np.asarray((starts_s + ahead_s) // 86400.0)


def read_recording(folder: Path | str, *, sessions: Path | str | None = None) -> Recording:
    """Read a folder.

    Args:
        folder: As described above.
        sessions: File of cars, instead of the folder's own.

    Raises:
        ConfigurationError: something is missing or wrong; names file, line and column.
    """
    folder = Path(folder)
    table = read_table(folder / "sites.csv", ("site",))
    sites = tuple(table.text("site"))
    for row, site in enumerate(sites):
        if site in sites[:row]:
            raise table.wrong(row, "site", "every site once")
    grid, load_kw, pv_kw = _powers(folder, sites)
    batteries, storage, start_kwh = _batteries(folder, table)
    price, carbon = _signals(folder, grid)
    return Recording(
        sites=sites,
        grid=grid,
        load_kw=load_kw,
        pv_kw=pv_kw,
        batteries=batteries,
        storage=storage,
        start_kwh=start_kwh,
        sessions=_sessions(folder, sessions, sites),
        price_per_kwh=price,
        carbon_kg_per_kwh=carbon,
        meta=_meta(folder),
        weather=read_weather(folder),
    )


def part_of(
    recording: Recording,
    *,
    sites: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> Recording:
    """The record of some sites and of some time; no site named is all of them.

    Raises:
        InvariantError: there is no such site, or nothing was recorded then.
    """
    if sites:
        recording = at_sites(recording, sites)
    if since is None and until is None:
        return recording
    return between(recording, since or recording.grid.start, until or recording.grid.end)


def between(recording: Recording, start: datetime, end: datetime) -> Recording:
    """The slots in ``[start, end)``, begun with the same stored energy.

    Of the cars those that arrive in that time.
    """
    edges_s = recording.grid.edges_s
    first, last = np.searchsorted(edges_s, [start.timestamp(), end.timestamp()]).tolist()
    last = min(last, len(recording.grid))
    if last <= first:
        raise InvariantError(
            f"nothing was recorded between {start} and {end}:"
            f" the record is of {recording.grid.start} to {recording.grid.end}"
        )
    part = slice(first, last)

    def cut(signal: Floats | None) -> Floats | None:
        return None if signal is None else frozen(signal[part])

    return replace(
        recording,
        grid=SlotGrid(edges_s=edges_s[first : last + 1]),
        load_kw=frozen(recording.load_kw[:, part]),
        pv_kw=frozen(recording.pv_kw[:, part]),
        sessions=tuple(
            session
            for session in recording.sessions
            if start.timestamp() <= session.arrival_s < end.timestamp()
        ),
        price_per_kwh=cut(recording.price_per_kwh),
        carbon_kg_per_kwh=cut(recording.carbon_kg_per_kwh),
    )


def _powers(folder: Path, sites: tuple[str, ...]) -> tuple[SlotGrid, Floats, Floats]:
    files = sorted([*folder.glob("sites_*.csv"), *folder.glob("sites_*.csv.gz")])
    if not files:
        raise wrong(folder, None, "sites_*.csv", "no such file", "such as sites_15min.csv.gz")
    tables = [read_table(file, ("timestamp_utc", "site", "load_kw", "pv_kw")) for file in files]
    stamps = np.concatenate([table.times("timestamp_utc") for table in tables])
    row = np.concatenate([table.positions("site", sites) for table in tables]).astype(np.int64)
    starts = np.unique(stamps)
    steps = np.unique(np.diff(starts))
    if len(steps) != 1:
        problem = f"the steps are not all equal: {', '.join(f'{step:g} s' for step in steps[:5])}"
        raise wrong(files[0], None, "timestamp_utc", problem, "one step, without gaps")
    slot = np.searchsorted(starts, stamps)
    found = []
    for name in ("load_kw", "pv_kw"):
        power = np.full((len(sites), len(starts)), np.nan)
        power[row, slot] = np.concatenate([table.numbers(name) for table in tables])
        for site, at in np.argwhere(np.isnan(power))[:1]:
            when = datetime.fromtimestamp(float(starts[at]), UTC).isoformat()
            raise wrong(files[0], None, name, f"{sites[site]} has no value at {when}")
        found.append(frozen(power))
    grid = SlotGrid(edges_s=np.append(starts, starts[-1] + steps[0]))
    return grid, found[0], found[1]


def _batteries(folder: Path, sites: Table) -> tuple[tuple[str, ...], Storage, Floats]:
    """Id, limits and start of every battery, from ``batteries.csv`` where there is one."""
    file = folder / "batteries.csv"
    table = read_table(file, ("battery", "site")) if file.is_file() else sites
    _require_batteries(table)
    names = table.text("battery" if file.is_file() else "site")
    at_site = np.array(table.positions("site", sites.text("site")), dtype=np.int64)
    there, storage, start_kwh = _storage(table, at_site)
    return tuple(names[row] for row in there), storage, start_kwh


def _require_batteries(table: Table) -> None:
    """No battery may go missing by a column that is misspelt or left out."""
    table.refuse_misspelt(BATTERY_COLUMNS)
    if "battery" not in table.columns and table.columns.keys().isdisjoint(BATTERY_COLUMNS):
        return
    needed = ["battery_capacity_kwh"]
    if "battery_power_kw" not in table.columns:
        needed += ["battery_charge_kw", "battery_discharge_kw"]
    for name in needed:
        if name not in table.columns:
            remedy = "" if name == needed[0] else "state it, or battery_power_kw"
            problem = "the column is missing, though others of batteries are there"
            raise wrong(table.file, 1, name, problem, remedy)


def _storage(table: Table, at_site: Ints) -> tuple[Ints, Storage, Floats]:
    capacity = table.numbers("battery_capacity_kwh", 0.0)
    there = np.flatnonzero(capacity > 0)
    power = table.numbers("battery_power_kw")
    low = table.numbers("soc_min_kwh", 0.0)
    high = table.numbers("soc_max_kwh")
    high = np.where(np.isnan(high), capacity, high)
    columns = {
        name: np.where(np.isnan(stated := table.numbers(f"battery_{name}")), power, stated)
        for name in ("charge_kw", "discharge_kw")
    }
    for name, values in columns.items():
        for row in there[~(values[there] > 0)][:1]:
            problem = "a battery without a power"
            raise wrong(table.file, int(row) + 2, f"battery_{name}", problem, "or battery_power_kw")
    storage = Storage(
        site=at_site[there],
        low_kwh=low[there],
        high_kwh=high[there],
        charge_kw=columns["charge_kw"][there],
        discharge_kw=columns["discharge_kw"][there],
        eta_charge=table.numbers("eta_charge", 0.95)[there],
        eta_discharge=table.numbers("eta_discharge", 0.95)[there],
    )
    return there, storage, frozen(table.numbers("soc_init_kwh", 0.0)[there])


def _signals(folder: Path, grid: SlotGrid) -> tuple[Floats | None, Floats | None]:
    file = folder / "signals_hourly.csv"
    if not file.is_file():
        return None, None
    table = read_table(file, ("timestamp_utc",))
    times = table.times("timestamp_utc")
    at = np.searchsorted(times, grid.edges_s[:-1], side="right") - 1
    if (np.diff(times) <= 0).any() or at.min() < 0 or grid.edges_s[-1] > times[-1] + 3600:
        raise wrong(file, None, "timestamp_utc", "does not cover the sites' time in rising order")
    prices = [name for name in table.columns if name.startswith("price_")]
    carbon = table.numbers("carbon_kg_per_kwh")[at]
    return (
        frozen(table.numbers(prices[0])[at]) if prices else None,
        None if np.isnan(carbon).any() else frozen(carbon),
    )


def _sessions(
    folder: Path, stated: Path | str | None, sites: tuple[str, ...]
) -> tuple[Session, ...]:
    file = folder / "ev_sessions.csv" if stated is None else Path(stated)
    if stated is None and not file.is_file():
        return ()
    times = ("arrival_utc", "departure_utc")
    table = read_table(file, ("charger", *times, "energy_kwh", "max_kw"))
    at_site: list[int | None] = [None] * len(table)
    if "site" in table.columns:
        at_site = list(table.positions("site", sites))
    arrival, departure = (table.times(name) for name in times)
    energy, power = table.numbers("energy_kwh"), table.numbers("max_kw")
    for row in np.flatnonzero(departure <= arrival)[:1]:
        raise table.wrong(int(row), "departure_utc", "an instant after the arrival")
    for name, values in (("energy_kwh", energy), ("max_kw", power)):
        for row in np.flatnonzero(~(values > 0))[:1]:
            raise table.wrong(int(row), name, "a number above 0")
    names = list(map(str, range(len(table))))
    if "session_id" in table.columns:
        names = table.text("session_id")
        seen: set[str] = set()
        for row, name in enumerate(names):
            if name in seen:
                raise table.wrong(row, "session_id", "every session once")
            seen.add(name)
    return tuple(
        Session(
            id=names[row],
            charger=charger,
            site=at_site[row],
            arrival_s=float(arrival[row]),
            departure_s=float(departure[row]),
            energy_kwh=float(energy[row]),
            max_kw=float(power[row]),
        )
        for row, charger in enumerate(table.text("charger"))
    )


def _meta(folder: Path) -> dict[str, Any]:
    file = folder / "meta.yaml"
    if not file.is_file():
        return {}
    tree = read_text(file.read_text(encoding="utf-8"), str(file))
    if tree.mistakes:
        raise ConfigurationError(tree.mistakes)
    if not isinstance(tree.value, dict):
        raise wrong(file, None, "the whole file", "is not a mapping of keys to values")
    zone = tree.value.get("time_zone", "UTC")
    if zone not in available_timezones():
        raise ConfigurationError(
            [tree.mistake("time_zone", f"{zone!r} is unknown", "an IANA name such as Asia/Seoul")]
        )
    return tree.value


def at_sites(recording: Recording, names: Sequence[str]) -> Recording:
    """The recording of some of its sites.

    Cars of an unknown site go with the first site that is kept.

    Raises:
        InvariantError: a name is not that of a recorded site.
    """
    unknown = [name for name in names if name not in recording.sites]
    if unknown:
        known = ", ".join(recording.sites)
        raise InvariantError(f"nothing is on record of {', '.join(unknown)}, but of {known}")
    kept = [at for at, site in enumerate(recording.sites) if site in names]
    new_at = {old: new for new, old in enumerate(kept)}
    held = np.flatnonzero(np.isin(recording.storage.site, kept))
    storage = recording.storage.subset(held)
    site = np.array([new_at[int(at)] for at in storage.site], dtype=np.int64)
    return replace(
        recording,
        sites=tuple(recording.sites[at] for at in kept),
        load_kw=frozen(recording.load_kw[kept]),
        pv_kw=frozen(recording.pv_kw[kept]),
        batteries=tuple(recording.batteries[at] for at in held),
        storage=replace(storage, site=site),
        start_kwh=frozen(recording.start_kwh[held]),
        sessions=tuple(
            replace(session, site=None if session.site is None else new_at[session.site])
            for session in recording.sessions
            if session.site is None or session.site in new_at
        ),
    )
