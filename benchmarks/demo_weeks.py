"""A summer and a winter week of the example city at 15 minutes: every controller on the same input.

    python benchmarks/demo_weeks.py [--forecast persistence] [--planner lp] [--plan-every 4]
        [--slots coarser]

The input is what the simulators export of their world. Cars charge on arrival in every row but
those that say otherwise, so that the batteries alone make the difference; in those, "cars too",
they are steered as well. Planner and tick are
those of production; forecasts begin with the eight days before the week. ``--forecast none`` leaves
out the plan: the tick follows the measured surplus. Energy in store at the end is credited; the
cost is of imported energy, without the demand charge.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import numpy as np

from vpp.backtest.bound import least_import
from vpp.backtest.city import Pools, for_city, pools_of
from vpp.backtest.data import Recording, between, read_recording
from vpp.backtest.given import arrivals_kw
from vpp.backtest.plan_run import PlanRun, run_plan
from vpp.backtest.rules_run import Run, run_rule
from vpp.backtest.score import score, table
from vpp.backtest.setting import of_city
from vpp.backtest.thinking import Thinking, installed
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.domain.arrays import frozen
from vpp.domain.assets import Battery
from vpp.domain.portfolio import Portfolio
from vpp.domain.rules import community, inverter, no_control, surplus_first, tariff_timer
from vpp.domain.slots import Fineness

WEEKS = {
    "summer": datetime.fromisoformat("2026-07-13T00:00:00+09:00"),
    "winter": datetime.fromisoformat("2026-01-12T00:00:00+09:00"),
}
ETA = 0.95
PAST, WEEK = timedelta(days=8), timedelta(days=7)


def main() -> None:
    parser = argparse.ArgumentParser(description="two weeks of the example city")
    parser.add_argument("--forecast", default="persistence", help="by name, or none")
    parser.add_argument("--planner", default="lp", help="by name")
    parser.add_argument("--plan-every", type=float, default=4.0, metavar="HOURS")
    parser.add_argument("--slots", type=Fineness, default=Fineness.EQUAL, help="equal or coarser")
    asked = parser.parse_args()
    thinking = None
    if asked.forecast != "none":
        every = round(4 * asked.plan_every)
        thinking = replace(installed(asked.planner, asked.forecast), every=every, slots=asked.slots)
    city = example_city("city-20")
    portfolio = load_city(city).portfolio
    for name, start in WEEKS.items():
        with tempfile.TemporaryDirectory() as folder:
            whole = for_city(exported(city, start, Path(folder)), portfolio)
        show(name, start, whole, portfolio, thinking)


def exported(city: Path, start: datetime, folder: Path) -> Recording:
    """The world's truth of a week, and of the days before it."""
    command = [sys.executable, "-m", "simulators", str(city), "--export", str(folder)]
    span = ["--from", (start - PAST).isoformat(), "--to", (start + WEEK).isoformat()]
    subprocess.run([*command, *span, "--step", "15min"], check=True, stdout=subprocess.DEVNULL)
    return read_recording(folder)


def show(
    name: str, start: datetime, whole: Recording, portfolio: Portfolio, thinking: Thinking | None
) -> None:
    past, week = between(whole, start - PAST, start), between(whole, start, start + WEEK)
    before, given = on_arrival(past), on_arrival(week)
    pools = pools_of(week, portfolio)
    began = monotonic()
    made = planned(given, before, portfolio, thinking)
    steered = planned(week, past, portfolio, thinking)
    took = monotonic() - began
    alone = [*rules(given, pools), made.run, least_import(given, pools=pools)]
    cars_too = [
        run_rule("community, cars too", week, community, charging=surplus_first, pools=pools),
        replace(steered.run, name=f"{steered.run.name}, cars too"),
        replace(least_import(week, pools=pools), name="perfect foresight, cars too"),
    ]
    print(f"\n{name} week from {start:%Y-%m-%d}, {len(week.sites)} sites, {len(pools)} pools")
    scores = [score(run, given, pools=pools) for run in alone]
    scores += [score(run, week, pools=pools) for run in cars_too]
    print(table(scores))
    for reached, best in ((scores[-5], scores[-4]), (scores[-2], scores[-1])):
        gap = best.self_consumption - reached.self_consumption
        print(f"{reached.name} to {best.name}: {gap:.4f} of self-consumption")
    plans, refused = made.plans + steered.plans, len(made.refused) + len(steered.refused)
    print(f"{plans} plans, {refused} refused, {took:.0f} s")
    show_alike(given, portfolio, pools)


def on_arrival(recording: Recording) -> Recording:
    """Its cars as load that nobody steers."""
    load_kw = recording.load_kw + arrivals_kw(recording)
    return replace(recording, load_kw=frozen(load_kw), sessions=())


def show_alike(week: Recording, portfolio: Portfolio, pools: Pools) -> None:
    """Without a plan and with the losses of all batteries alike: what the bound is reached with."""
    same = np.full(len(week.storage), ETA)
    alike = replace(week, storage=replace(week.storage, eta_charge=same, eta_discharge=same))
    assets = {
        name: replace(asset, eta_charge=ETA, eta_discharge=ETA)
        if isinstance(asset, Battery)
        else asset
        for name, asset in portfolio.assets.items()
    }
    city = of_city(alike, replace(portfolio, assets=assets))
    runs = [
        run_plan("tick, no plan", alike, city).run,
        least_import(alike, pools=pools),
    ]
    used = [f"{r.name} {score(r, alike, pools=pools).self_consumption:.4f}" for r in runs]
    print(f"the same with efficiencies of {ETA:g} everywhere: {', '.join(used)}")


def planned(
    week: Recording, past: Recording, portfolio: Portfolio, thinking: Thinking | None
) -> PlanRun:
    name = "plan + tick" if thinking is not None else "tick without plan"
    return run_plan(name, week, of_city(week, portfolio), thinking=thinking, past=past)


def rules(week: Recording, pools: Pools) -> list[Run]:
    """What the system is measured against."""
    return [
        run_rule("no control", week, no_control, pools=pools),
        run_rule("each inverter on its own", week, inverter, pools=pools),
        run_rule("community", week, community, pools=pools),
        run_rule("community and tariff", week, tariff_timer, pools=pools),
    ]


if __name__ == "__main__":
    main()
