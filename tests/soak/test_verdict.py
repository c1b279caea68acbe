"""A soak's verdict finds what grows, lags or complains, and nothing else."""

import os
from dataclasses import replace
from typing import Any

import pytest

from tests.soak.sample import Process, Sample, family, series
from tests.soak.verdict import verdict


def look(at: int, **changes: Any) -> Sample:
    daemon = Process(name="daemon", pid=1, rss_mb=100.0, files=50, waited_s=0.1 * at)
    usual = Sample(
        at_s=10.0 * at, processes=(daemon,), tasks=100, alarms=frozenset(), speed=600.0,
        ticks=100 * at, late=0, plan_rounds=at,
    )  # fmt: skip
    return replace(usual, **changes)


def wrong(samples: list[Sample], exit_code: int = 0) -> list[str]:
    return [check.text for check in verdict(samples, exit_code) if not check.holds]


def daemon(at: int, *, rss_mb: float = 100.0, files: int = 50, waited_s: float = 0.0) -> Sample:
    one = Process(name="daemon", pid=1, rss_mb=rss_mb, files=files, waited_s=waited_s)
    return look(at, processes=(one,))


def test_a_steady_run_holds() -> None:
    assert wrong([look(at) for at in range(20)]) == []


@pytest.mark.parametrize(
    ("samples", "named"),
    [
        ([daemon(at, rss_mb=100 + 3 * at) for at in range(20)], "memory"),
        ([daemon(at, files=50 + at) for at in range(20)], "open files"),
        ([look(at, tasks=100 + at) for at in range(20)], "tasks"),
        ([look(at, late=3 * at) for at in range(20)], "late"),
        ([look(at, plan_rounds=3) for at in range(20)], "planning"),
        ([look(at, alarms=frozenset({"SHORTFALL pool"})) for at in range(20)], "SHORTFALL pool"),
        ([look(at) for at in range(3)], "too few"),
    ],
)
def test_what_does_not_hold_is_named(samples: list[Sample], named: str) -> None:
    (text,) = wrong(samples)
    assert named in text


def test_a_busy_machine_is_told_and_is_no_fault() -> None:
    busy = [daemon(at, waited_s=2.0 * at) for at in range(20)]
    assert wrong(busy) == []
    assert any("waited 20.0% of the time for a core: " in one.text for one in verdict(busy, 0))


def test_an_exit_code_counts() -> None:
    assert wrong([look(at) for at in range(20)], exit_code=5) == ["it ended with exit code 5"]


def test_growth_while_warming_up_is_none() -> None:
    assert wrong([daemon(at, rss_mb=min(60 + 20 * at, 120)) for at in range(20)]) == []


def test_metrics_are_read_with_the_bounds_of_their_buckets() -> None:
    text = '# HELP a b\na 3.0\nb_bucket{le="0.5"} 7.0\nb_count 9.0\nc{asset="x"} 1.0\n'
    assert series(text) == {"a": 3.0, "b_bucket<=0.5": 7.0, "b_count": 9.0}


def test_this_very_process_is_seen() -> None:
    (me, *_) = family(os.getpid())
    assert me.rss_mb > 10
    assert me.files > 2
    assert me.waited_s >= 0.0
