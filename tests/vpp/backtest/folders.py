"""Small data folders for the backtest."""

from collections.abc import Mapping
from pathlib import Path

SITES = """\
site,battery_capacity_kwh,battery_power_kw,eta_charge,eta_discharge,soc_min_kwh,soc_max_kwh,soc_init_kwh
a,10,5,0.9,0.9,0,10,0
b,20,4,0.95,0.95,2,18,2
c,,,,,,,
"""
META = "time_zone: Asia/Seoul\nlatitude: 35.16\nlongitude: 126.85\ncountry: KR\n"
SESSIONS = """\
session_id,charger,site,arrival_utc,departure_utc,energy_kwh,max_kw
s1,cp1,c,2026-07-01T01:30:00Z,2026-07-01T06:00:00Z,6,4
"""
LOAD = {"a": 2.0, "b": 1.0, "c": 3.0}
PV = {"a": 9.0, "b": 4.0, "c": 0.0}


def stamp(hour: int) -> str:
    return f"2026-07-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z"


def hourly(hours: int = 48) -> str:
    """Constant loads; sun in the first eight hours of each day."""
    rows = [
        f"{stamp(hour)},{site},{LOAD[site]},{PV[site] if hour % 24 < 8 else 0}"
        for hour in range(hours)
        for site in LOAD
    ]
    return "\n".join(["timestamp_utc,site,load_kw,pv_kw", *rows]) + "\n"


def signals(hours: int = 48) -> str:
    rows = [f"{stamp(h)},{30 if 9 <= h % 24 < 13 else 10},0.5" for h in range(hours)]
    return "\n".join(["timestamp_utc,price_won_per_kwh,carbon_kg_per_kwh", *rows]) + "\n"


def write_folder(folder: Path, changed: Mapping[str, str | None] | None = None) -> Path:
    """A folder that is right, but for the files named; None leaves a file out."""
    files: dict[str, str | None] = {
        "sites.csv": SITES,
        "sites_hourly.csv": hourly(),
        "signals_hourly.csv": signals(),
        "ev_sessions.csv": SESSIONS,
        "meta.yaml": META,
    }
    files.update(changed or {})
    for name, text in files.items():
        if text is not None:
            (folder / name).write_text(text)
    return folder
