"""Fits the arrival, stay and energy distributions of `simulators/inputs/apartment_sessions.yaml`.

    python benchmarks/fit_ev_sessions.py DATA_DIR

DATA_DIR holds `ev_sessions.csv` with the columns user_type, user_id, plugin_utc, energy_kwh and
duration_h, made from "Dataset 1 EV charging reports" of doi 10.17632/jbks2rcwyj (CC BY 4.0).
Without an argument there is nothing to fit, and the script says so.
"""

import csv
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr

OSLO = ZoneInfo("Europe/Oslo")
WINDOWS = {
    "night": (0, 6),
    "morning": (6, 10),
    "midday": (10, 15),
    "evening": (15, 20),
    "late": (20, 24),
}
SHORTEST_H = 0.25
LEAST_KWH = 0.5
Floats = NDArray[np.float64]


def two_lognormals(hours: Floats, rounds: int = 400) -> dict[str, list[float]]:
    """Short and long stays by expectation and maximisation on the logarithm."""
    x = np.log(hours)
    share = np.array([0.5, 0.5])
    mean = np.quantile(x, [0.2, 0.8])
    deviation = np.array([x.std(), x.std()]) / 2
    for _ in range(rounds):
        weight = share * norm.pdf(x[:, None], mean, deviation)
        weight /= weight.sum(axis=1, keepdims=True)
        share = weight.mean(axis=0)
        mean = (weight * x[:, None]).sum(axis=0) / weight.sum(axis=0)
        spread = (weight * (x[:, None] - mean) ** 2).sum(axis=0) / weight.sum(axis=0)
        deviation = np.maximum(np.sqrt(spread), 0.05)
    return {
        "share": rounded(share, 3),
        "median_h": rounded(np.exp(mean), 2),
        "sigma": rounded(deviation, 3),
    }


def percent_by_hour(hour: NDArray[np.int64]) -> list[float]:
    return rounded(100 * np.bincount(hour, minlength=24) / len(hour), 2)


def rounded(values: Floats, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def fit(rows: list[dict[str, str]]) -> dict[str, object]:
    arrival = [datetime.fromisoformat(row["plugin_utc"]).astimezone(OSLO) for row in rows]
    hour = np.array([moment.hour for moment in arrival])
    workday = np.array([moment.weekday() < 5 for moment in arrival])
    kwh = np.array([float(row["energy_kwh"]) for row in rows])
    hours = np.array([float(row["duration_h"]) for row in rows])
    real = (hours >= SHORTEST_H) & (kwh >= LEAST_KWH)
    rank = float(spearmanr(hours[real], kwh[real]).statistic)
    return {
        "arrival_percent": {
            "workday": percent_by_hour(hour[workday]),
            "day_off": percent_by_hour(hour[~workday]),
        },
        "stay": {
            name: {"from_hour": low, **two_lognormals(hours[real & (low <= hour) & (hour < high)])}
            for name, (low, high) in WINDOWS.items()
        },
        "energy": {
            "median_kwh": round(float(np.exp(np.log(kwh[real]).mean())), 2),
            "sigma": round(float(np.log(kwh[real]).std()), 3),
            "highest_kwh": round(float(np.quantile(kwh[real], 0.995)), 1),
            "correlation_with_stay": round(2 * float(np.sin(np.pi / 6 * rank)), 3),
        },
    }


def main() -> None:
    if len(sys.argv) != 2:
        print("nothing fitted: give the folder that holds ev_sessions.csv")
        return
    with (Path(sys.argv[1]) / "ev_sessions.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["user_type"] == "Private"]
    print(yaml.safe_dump(fit(rows), sort_keys=False, default_flow_style=None, width=100))


if __name__ == "__main__":
    main()
