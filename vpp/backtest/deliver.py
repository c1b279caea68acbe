"""What a backtest leaves in its folder."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from vpp.backtest.figures import Figures, plain
from vpp.backtest.report import page
from vpp.backtest.study import Answer
from vpp.domain.arrays import Floats

DIGITS = 6


def deliver(answer: Answer, found: Figures, folder: Path) -> tuple[Path, ...]:
    """Write schedule, cars, figures and report; the files, as they were written."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "schedule.csv", folder / "kpi.json", folder / "report.html"]
    _write(files[0], ("timestamp", "site", "battery_kw"), _schedule(answer))
    files[1].write_text(json.dumps(plain(answer, found), indent=1) + "\n", encoding="utf-8")
    files[2].write_text(page(answer, found), encoding="utf-8")
    if answer.recording.sessions:
        files.append(folder / "ev.csv")
        _write(files[-1], ("timestamp", "session_id", "ev_kw"), _cars(answer))
    return tuple(files)


def site_power_kw(answer: Answer) -> Floats:
    """Power of the batteries of each site, shape (sites, slots)."""
    recording = answer.recording
    power = np.zeros((len(recording.sites), len(recording.grid)))
    np.add.at(power, recording.storage.site, answer.run.battery_kw)
    return power


def stamps(answer: Answer) -> list[str]:
    """Start of every slot, as the record writes it."""
    return [f"{start:%Y-%m-%dT%H:%M:%SZ}" for start in answer.recording.grid.starts]


def _schedule(answer: Answer) -> Iterable[Sequence[str | float]]:
    power = site_power_kw(answer).round(DIGITS) + 0.0
    sites = answer.recording.sites
    for slot, stamp in enumerate(stamps(answer)):
        yield from ((stamp, site, power[at, slot]) for at, site in enumerate(sites))


def _cars(answer: Answer) -> Iterable[Sequence[str | float]]:
    charged, when = answer.run.charged, stamps(answer)
    for entry in np.lexsort((charged.session, charged.slot)).tolist():
        session = answer.recording.sessions[int(charged.session[entry])]
        yield when[int(charged.slot[entry])], session.id, round(charged.power_kw[entry], DIGITS)


def _write(file: Path, heading: Sequence[str], rows: Iterable[Sequence[str | float]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(heading)
        writer.writerows(rows)
