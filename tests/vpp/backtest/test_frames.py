"""A backtest from Python: the same that the command writes, as frames."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.vpp.backtest.folders import write_folder
from vpp.backtest.data import part_of, read_recording
from vpp.backtest.deliver import deliver
from vpp.backtest.figures import figures
from vpp.backtest.frames import Frames, backtest
from vpp.backtest.study import Ask, Controller


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("record"))


@pytest.fixture(scope="module")
def made(folder: Path) -> Frames:
    return backtest(folder, Ask(controller=Controller.COMMUNITY))


def test_frames_say_what_the_files_say(made: Frames, tmp_path: Path) -> None:
    deliver(made.answer, figures(made.answer), tmp_path)
    with (tmp_path / "schedule.csv").open() as text:
        written = list(csv.DictReader(text))
    told = made.schedule.stack()
    assert [row["site"] for row in written] == list(told.index.get_level_values("site"))
    assert told.to_numpy() == pytest.approx([float(row["battery_kw"]) for row in written], abs=1e-6)
    first = pd.Timestamp(written[0]["timestamp"])
    assert made.schedule.index[0] == first
    kpi = json.loads((tmp_path / "kpi.json").read_text())
    assert list(made.controllers.index) == list(kpi["controllers"])
    for name, row in made.controllers.iterrows():
        for key, value in row.items():
            was = kpi["controllers"][name][key]
            assert (np.isnan(value) and was is None) or value == pytest.approx(was, abs=1e-6)
    assert made.regret["total"] == pytest.approx(kpi["regret"]["total"], abs=1e-6)
    assert made.regret.attrs["unit"] == kpi["regret"]["unit"]


def test_cars_are_rows(made: Frames) -> None:
    assert list(made.cars["session_id"]) == ["s1", "s1"]
    assert made.cars["ev_kw"].sum() == 6.0
    assert made.cars["timestamp"].dt.hour.tolist() == [1, 2]


def test_part_of_the_record(folder: Path) -> None:
    record = part_of(
        read_recording(folder), sites=["b", "c"], since=datetime(2026, 7, 2, tzinfo=UTC)
    )
    made = backtest(record, Ask(controller=Controller.NONE))
    assert list(made.schedule.columns) == ["b", "c"]
    assert made.schedule.index[0] == pd.Timestamp("2026-07-02T00:00:00Z")
    assert len(made.schedule) == 24
    assert made.cars.empty
