"""A backtest from Python, its results as pandas frames."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vpp.backtest.data import Recording, read_recording
from vpp.backtest.deliver import site_power_kw
from vpp.backtest.figures import Figures, by_controller, figures
from vpp.backtest.study import Answer, Ask, answer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frames:
    """What ``vpp backtest`` writes, as frames; powers are means over the slot, + charges."""

    schedule: pd.DataFrame
    """Batteries, kW at the AC side: a row per slot, by its start in UTC; a column per site."""
    cars: pd.DataFrame
    """A row per slot and session: timestamp, session_id, ev_kw."""
    controllers: pd.DataFrame
    """A row per controller, the one asked for first, perfect foresight last; a column per figure
    of ``kpi.json``, NaN for what has no meaning."""
    regret: pd.Series
    """Against perfect foresight; ``attrs["unit"]`` names its unit."""
    answer: Answer
    """Everything behind it, as arrays."""


def backtest(
    record: Recording | Path | str,
    ask: Ask | None = None,
    *,
    workers: int = 1,
    progress: Callable[[int], None] = lambda _slot: None,
) -> Frames:
    """Run a controller over a record, beside rules and perfect foresight.

    Args:
        record: Its folder, or what ``read_recording`` and ``part_of`` made of one.
        ask: What is to be found out; None: the plan, order ``local``, learned forecasts.
        workers: Processes; more than one needs a script that guards its entry by
            ``if __name__ == "__main__"``. The answer is the same for any number.
        progress: Told the number of slots done.

    Raises:
        ConfigurationError: the folder is no such record; it names file, line and column.
        InvariantError: the record is not of the city that is asked about.
    """
    recording = record if isinstance(record, Recording) else read_recording(record)
    made = answer(ask or Ask(), recording, workers=workers, progress=progress)
    return frames(made, figures(made))


def frames(made: Answer, found: Figures) -> Frames:
    recording = made.recording
    starts = pd.DatetimeIndex(recording.grid.starts, name="timestamp")
    regret = pd.Series(found.regret, name="regret", dtype=np.float64)
    regret.attrs["unit"] = found.unit
    return Frames(
        schedule=pd.DataFrame(
            site_power_kw(made).T, index=starts, columns=pd.Index(recording.sites, name="site")
        ),
        cars=_cars(made, starts),
        controllers=pd.DataFrame.from_dict(
            by_controller(found), orient="index", dtype="float64"
        ).rename_axis("controller"),
        regret=regret,
        answer=made,
    )


def _cars(made: Answer, starts: pd.DatetimeIndex) -> pd.DataFrame:
    charged = made.run.charged
    ids = np.array([session.id for session in made.recording.sessions], dtype=object)
    told = pd.DataFrame(
        {
            "timestamp": starts[charged.slot],
            "session_id": pd.array(ids[charged.session], dtype="str"),
            "ev_kw": charged.power_kw,
        }
    )
    return told.sort_values(["timestamp", "session_id"], ignore_index=True)
