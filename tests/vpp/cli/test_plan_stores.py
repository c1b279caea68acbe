"""Hydrogen and heat in `vpp plan`, by the packaged hub."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vpp.cli.command_line import vpp
from vpp.config.examples import example_city

WEDNESDAY = ("--offline", "--at", "2026-07-15T05:00")
STATED = ("--soc", "hub-h2=0.25", "--soc", "hub-heat=0.3", "--soc", "hub-bat=0.5")
SWITCHES = re.compile(r"    (min_kw|standby_kw|start_kwh|ramp_kw_per_min): .*\n")


def made(home: dict[str, str], file: Path, *options: str) -> dict[str, Any]:
    done = vpp(home, "plan", file, *WEDNESDAY, *STATED, "--json", *options)
    assert done.returncode == 0, done.stderr
    plan: dict[str, Any] = json.loads(done.stdout)
    return plan


def without_switches(directory: Path) -> Path:
    """The hub with converters that may run at any power: no binaries, which take seconds."""
    hub = example_city("hydrogen-hub")
    text, count = SWITCHES.subn("", hub.read_text())
    assert count == 5
    (directory / "hub.yaml").write_text(text)
    return directory / "hub.yaml"


@pytest.mark.parametrize("planner", ["rule", "lp"])
def test_hydrogen_is_made_of_sun_and_heat_before_the_evening(
    home: dict[str, str], tmp_path: Path, planner: str
) -> None:
    whole = made(home, without_switches(tmp_path), "--planner", planner)
    plan = whole["plans"]["hub"]
    day = slice(0, 96)  # from 05:00
    hydrogen, pump = (np.array(plan["power_kw"][f"hub-{n}"]) for n in ("electrolyser", "heatpump"))
    assert hydrogen[day].sum() > 0
    assert hydrogen[8:56].sum() >= 0.7 * hydrogen[day].sum()  # 07:00 to 19:00
    assert pump[day].sum() > 0
    assert plan["slacks"] == []
    tank, heat = plan["stocks"]["hub-h2"], plan["stocks"]["hub-heat"]
    assert (tank["unit"], heat["unit"]) == ("kg", "kWh")
    assert tank["content"][0] == pytest.approx(15.0, abs=1.0)
    assert heat["content"][48] > 150.0  # 17:00; 90 at the start
    assert sum(tank["served"][day]) == pytest.approx(29.0, abs=0.1)
    names = {envelope["asset"]: envelope for envelope in plan["envelopes"]}
    assert names["hub-electrolyser"]["appointment"] == "hub-h2"
    done = np.cumsum(hydrogen * plan["slot_hours"])
    assert (np.array(names["hub-electrolyser"]["least_kwh"]) <= done + 0.1).all()
    assert (np.array(names["hub-electrolyser"]["most_kwh"]) >= done - 0.1).all()
    assert any("no daemon steers them yet: hub-electrolyser, hub-heatpump" in n
               for n in whole["notes"])  # fmt: skip


def test_the_table_has_a_column_for_each_and_says_what_is_short(
    home: dict[str, str], tmp_path: Path
) -> None:
    file = without_switches(tmp_path)
    text = file.read_text().replace("kg: 12}", "kg: 80}")
    file.write_text(text.replace("    dispensing_kwh_per_kg: 1\n", ""))
    done = vpp(home | {"COLUMNS": "240"}, "plan", file, *WEDNESDAY, *STATED, "--planner", "lp")
    for name in ("electrolyser", "heat pump", "hub-h2", "hub-heat"):
        assert name in done.stdout
    (short,) = [line for line in done.stdout.splitlines() if "hydrogen unmet at hub-h2" in line]
    assert re.search(
        r"kg short because of power of hub-electrolyser and content of hub-h2,"
        r" Wed 18:30 to Wed 18:45 \(dual",
        short,
    )


def test_a_store_that_is_stated_is_one(home: dict[str, str]) -> None:
    hub = example_city("hydrogen-hub")
    done = vpp(home, "plan", hub, "--offline", "--soc", "hub-h3=0.5")
    assert "'hub-h3' is no battery and no store of hydrogen-hub" in done.stderr
    assert "did you mean 'hub-h2'?" in done.stderr
