"""Turns public records with weather forecasts into folders for ``vpp forecast evaluate``.

    python benchmarks/weather_records.py trondheim CLONE OUT    needs pyarrow beside
    python benchmarks/weather_records.py gefcom-solar FOLDER OUT
    python benchmarks/weather_records.py gefcom-load FOLDER OUT

trondheim: three plants in Norway, forecasts of the day before (Meteomatics), from a clone of
github.com/SverreNystad/power-predictor. gefcom-solar: task 1 of the Global Energy Forecasting
Competition 2014 (three plants in Australia, forecast of ECMWF issued at midnight UTC), FOLDER with
its predictors1.csv and train1.csv. gefcom-load: tasks 2 to 15 of its load track (a utility in the
United States), FOLDER with L2-train.csv to L15-train.csv; its temperatures were measured, and get
the error that forecasts have (0.8 degrees, growing to 1.4 a day ahead). Missing power counts as 0.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

LEADS_H = (0, 1, 3, 6, 12, 24, 36, 48)
HOUR = pd.Timedelta(hours=1)
Floats = npt.NDArray[np.float64]
Told = Iterable[tuple[pd.Timestamp, int, float, float, float]]


def stamp(at: pd.Timestamp) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def write(out: Path, powers: dict[str, pd.DataFrame], told: Told, meta: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "sites.csv").write_text("site\n" + "".join(f"{site}\n" for site in powers))
    (out / "meta.yaml").write_text(meta)
    with (out / "sites_hourly.csv").open("w") as file:
        file.write("timestamp_utc,site,load_kw,pv_kw\n")
        for site, table in powers.items():
            for at, load_kw, pv_kw in zip(table.index, table.load_kw, table.pv_kw, strict=True):
                file.write(f"{stamp(at)},{site},{load_kw:.5f},{pv_kw:.5f}\n")
    with (out / "weather_hourly.csv").open("w") as file:
        file.write("timestamp_utc,lead_h,air_c,ghi_w_per_m2,dhi_w_per_m2\n")
        for at, lead_h, air_c, ghi, dhi in told:
            file.write(f"{stamp(at)},{lead_h},{air_c:.2f},{ghi:.1f},{dhi:.1f}\n")


def sunny(power_kw: pd.Series, times: pd.DatetimeIndex) -> pd.DataFrame:
    known = power_kw.reindex(times).fillna(0.0).clip(lower=0.0)
    return pd.DataFrame({"load_kw": 0.0, "pv_kw": known})


def trondheim(clone: Path, out: Path) -> None:
    times = pd.date_range("2022-10-28 22:00", "2023-04-30 22:00", freq="h", inclusive="left")
    raw = clone / "data" / "raw"
    powers = {
        site: sunny(
            pd.read_parquet(raw / site / "train_targets.parquet")
            .set_index("time")
            .pv_measurement.astype(float),
            times,
        )
        for site in "ABC"
    }
    said = pd.read_parquet(raw / "A" / "X_train_estimated.parquet")
    said["hour"] = said.date_forecast.dt.floor("h")
    said["lead_h"] = (said.hour - said.date_calc).dt.total_seconds() / 3600.0
    beam, around, air_k = (
        said.groupby("hour")[name].mean()
        for name in ("direct_rad:W", "diffuse_rad:W", "t_1000hPa:K")
    )
    newest_h = said.groupby("hour").lead_h.min()
    told = (
        (at, lead_h, air_k[at] - 273.15, beam[at] + around[at], around[at])
        for at in newest_h.index
        for lead_h in LEADS_H
        if newest_h[at] >= lead_h
    )
    meta = "time_zone: Europe/Oslo\nlatitude: 63.43\nlongitude: 10.40\ncountry: 'NO'\n"
    write(out, powers, told, meta)


def gefcom_solar(folder: Path, out: Path) -> None:
    weather, power = (pd.read_csv(folder / f"{name}1.csv") for name in ("predictors", "train"))
    for table in (weather, power):
        table["at"] = pd.to_datetime(table.TIMESTAMP, format="%Y%m%d %H:%M")
    times = pd.date_range(power["at"].min(), power["at"].max(), freq="h")
    powers = {
        f"Z{zone}": sunny(100.0 * one.set_index("at").POWER, times)
        for zone, one in power.groupby("ZONEID")
    }
    one = weather[weather.ZONEID == 1].sort_values("at")
    begins = one["at"] - HOUR  # radiation is summed up from midnight, at the hours' ends
    day = begins.dt.floor("D")
    before = one.VAR169.shift(1).where(day == day.shift(1), 0.0).fillna(0.0)
    ghi = ((one.VAR169 - before) / 3600.0).clip(lower=0.0)
    told = (
        (at, lead_h, air_k - 273.15, total, 0.4 * total)
        for at, total, air_k in zip(begins, ghi, one.VAR167, strict=True)
        for lead_h in LEADS_H
        if at.hour >= lead_h
    )
    meta = "time_zone: Australia/Sydney\nlatitude: -35.3\nlongitude: 149.1\ncountry: AU\n"
    write(out, powers, told, meta)


def gefcom_load(folder: Path, out: Path) -> None:
    table = pd.concat([pd.read_csv(folder / f"L{task}-train.csv") for task in range(2, 16)])
    table = table[table.LOAD.notna()]
    local = pd.date_range("2010-10-01 00:00", periods=len(table), freq="h")
    times = local + 5 * HOUR  # of a clock that nobody changes
    air_f = table[[f"w{station}" for station in range(1, 26)]].mean(axis=1)
    air_c = (air_f.to_numpy() - 32.0) / 1.8
    stays, grows = lasting(len(table), 1), lasting(len(table), 2)
    told = (
        (at, lead_h, one, 0.0, 0.0)
        for lead_h in LEADS_H
        for at, one in zip(
            times, air_c + 0.8 * stays + 1.2 * np.sqrt(lead_h / 24.0) * grows, strict=True
        )
    )
    powers = {"town": pd.DataFrame({"load_kw": table.LOAD.to_numpy(), "pv_kw": 0.0}, index=times)}
    meta = "time_zone: America/New_York\nlatitude: 35.2\nlongitude: -80.8\ncountry: US\n"
    write(out, powers, told, meta)


def lasting(count: int, seed: int, hours: float = 5.0) -> Floats:
    """Standard normal, blended between knots that are so many hours apart."""
    place = np.arange(count) / hours
    knots = np.random.default_rng(seed).normal(size=int(place[-1]) + 2)
    at = place.astype(np.int64)
    weight = (place - at) ** 2 * (3.0 - 2.0 * (place - at))
    blended: Floats = (1.0 - weight) * knots[at] + weight * knots[at + 1]
    return blended / np.hypot(1.0 - weight, weight)


RECORDS: dict[str, Callable[[Path, Path], None]] = {
    "trondheim": trondheim,
    "gefcom-solar": gefcom_solar,
    "gefcom-load": gefcom_load,
}

if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in RECORDS:
        print("no record made: say which, from where, and whereto")
    else:
        RECORDS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
