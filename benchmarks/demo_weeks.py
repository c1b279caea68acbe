"""A summer and a winter week of the example city at 15 minutes: every controller on the same input.

    python benchmarks/demo_weeks.py

The input is what the simulators export of their world. Cars charge on arrival in every row but
those that say otherwise, so that the batteries alone make the difference. Energy in store at the
end is credited; the cost is of imported energy, without the demand charge.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from vpp.backtest.bound import least_import
from vpp.backtest.city import Pools, for_city, pools_of
from vpp.backtest.data import Recording, read_recording
from vpp.backtest.rules_run import Run, run_rule
from vpp.backtest.score import score, table
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.domain.portfolio import Portfolio
from vpp.domain.rules import community, inverter, no_control, surplus_first, tariff_timer

WEEKS = {
    "summer": datetime.fromisoformat("2026-07-13T00:00:00+09:00"),
    "winter": datetime.fromisoformat("2026-01-12T00:00:00+09:00"),
}

Controller = Callable[[Recording, Portfolio, Pools], Run]
"""Whoever else is to be compared, such as planner and tick together."""


def main(controllers: Iterable[Controller] = ()) -> None:
    city = example_city("city-20")
    others = list(controllers)
    for name, start in WEEKS.items():
        with tempfile.TemporaryDirectory() as folder:
            recording = week(city, start, Path(folder))
        portfolio = load_city(city).portfolio
        recording = for_city(recording, portfolio)
        pools = pools_of(recording, portfolio)
        runs = [*rules(recording, pools), *(c(recording, portfolio, pools) for c in others)]
        print(f"\n{name} week from {start:%Y-%m-%d}, {len(recording.sites)} sites")
        print(table(score(run, recording, pools=pools) for run in runs))


def week(city: Path, start: datetime, folder: Path) -> Recording:
    """The world's truth of seven days."""
    command = [sys.executable, "-m", "simulators", str(city), "--export", str(folder)]
    span = ["--from", start.isoformat(), "--to", (start + timedelta(days=7)).isoformat()]
    subprocess.run([*command, *span, "--step", "15min"], check=True, stdout=subprocess.DEVNULL)
    return read_recording(folder)


def rules(recording: Recording, pools: Pools) -> list[Run]:
    """What the system is measured against."""
    arrival = run_rule("no control", recording, no_control, pools=pools)
    return [
        arrival,
        run_rule("each inverter on its own", recording, inverter, pools=pools),
        run_rule("community", recording, community, pools=pools),
        run_rule("community and tariff", recording, tariff_timer, pools=pools),
        least_import(recording, arrival.ev_kw, pools=pools),
        run_rule(
            "community, cars by surplus", recording, community, charging=surplus_first, pools=pools
        ),
    ]


if __name__ == "__main__":
    main()
