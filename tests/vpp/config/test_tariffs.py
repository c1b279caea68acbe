"""Mistakes in tariffs: dates, months, hours."""

import pytest

from tests.vpp.config.sample import spoilt
from tests.vpp.config.spoiling import Case, check, mistakes, name_of

WARM = "            months: [4, 5, 6, 7, 8, 9]\n"
DEAR = '              weekday: {light: "22-8", dear: "8-22"}\n'

TARIFFS: list[Case] = [
    (
        "        valid_to: 2026-01-01\n",
        "        valid_to: 2025-12-31\n",
        "valid_from: 2026-01-01",
        "tariffs[0].periods[1].valid_from",
        "leaves a gap to the period before, which ends on 2025-12-31",
        "in the order of their dates",
    ),
    (
        "        valid_to: 2026-01-01\n",
        "        valid_to: 2026-02-01\n",
        "valid_from: 2026-01-01",
        "tariffs[0].periods[1].valid_from",
        "overlaps the period before",
        "in the order",
    ),
    (
        "        valid_to: 2026-01-01\n",
        "",
        "valid_from: 2026-01-01",
        "tariffs[0].periods[1].valid_from",
        "the period before never ends",
        "in the order",
    ),
    (
        "valid_from: 2026-01-01\n",
        "valid_from: 2026-01-01\n        valid_to: 2026-01-01\n",
        "valid_to: 2026-01-01",
        "tariffs[0].periods[1].valid_to",
        "not after its start",
        "the day after",
    ),
    (
        "valid_from: 2025-01-01",
        "valid_from: 2025-13-01",
        "2025-13-01",
        "tariffs[0].periods[0].valid_from",
        "'2025-13-01', expected a day such as",
        "",
    ),
    (
        "valid_from: 2025-01-01",
        "valid_from: 20250101",
        "20250101",
        "tariffs[0].periods[0].valid_from",
        "20250101, expected a day such as",
        "",
    ),
    (
        "        source: the second list\n",
        "",
        "valid_from: 2026-01-01",
        "tariffs[0].periods[1].source",
        "'source' is missing",
        "state it",
    ),
    (
        WARM,
        "            months: [4, 5, 6, 7, 8]\n",
        "seasons:",
        "tariffs[0].periods[1].seasons",
        "no season covers the months 9",
        "exactly once",
    ),
    (
        WARM,
        "            months: [3, 4, 5, 6, 7, 8, 9]\n",
        "seasons:",
        "tariffs[0].periods[1].seasons",
        "two seasons cover the months 3",
        "exactly once",
    ),
    (
        WARM,
        "            months: [4, 5, 6, 7, 8, 9, 13]\n",
        "13]",
        "tariffs[0].periods[1].seasons[1].months[6]",
        "is 13, expected at most 12",
        "",
    ),
    (
        DEAR,
        '              weekday: {light: "22-8", dear: "8-21"}\n',
        "weekday: {light",
        "tariffs[0].periods[0].seasons[0].bands.weekday",
        "no band covers the hours 21-22",
        "exactly once",
    ),
    (
        DEAR,
        '              weekday: {light: "22-8", dear: "7-22"}\n',
        "dear:",
        "tariffs[0].periods[0].seasons[0].bands.weekday.dear",
        "the hour 7-8 belongs to 'light' already",
        "exactly once",
    ),
    (
        DEAR,
        '              weekday: {light: "22-8", dera: "8-22"}\n',
        "dera",
        "tariffs[0].periods[0].seasons[0].bands.weekday.dera",
        "band 'dera' is unknown",
        "did you mean 'dear'?",
    ),
    (
        DEAR,
        '              weekday: {light: "22-8", dear: "8-25"}\n',
        "dear:",
        "tariffs[0].periods[0].seasons[0].bands.weekday.dear",
        "'8-25' is not a range of hours",
        "hours 0..24",
    ),
    (
        DEAR,
        '              weekday: {light: "22-8", dear: "8:22"}\n',
        "dear:",
        "tariffs[0].periods[0].seasons[0].bands.weekday.dear",
        "'8:22' is not a range of hours",
        "hours 0..24",
    ),
    (
        DEAR,
        "",
        "bands:",
        "tariffs[0].periods[0].seasons[0].bands",
        "'weekday' is missing",
        "the hours of each band",
    ),
    (
        '              sunday: {light: "0-24"}\n',
        '              sonday: {light: "0-24"}\n',
        "sonday",
        "tariffs[0].periods[0].seasons[0].bands.sonday",
        "kind of day 'sonday' is unknown",
        "did you mean 'sunday'?",
    ),
    (
        "interval_min: 15",
        "interval_s: 900",
        "interval_s",
        "tariffs[0].periods[1].demand.interval_s",
        "unknown",
        "'interval_min', in minutes: divide by 60",
    ),
]


@pytest.mark.parametrize("case", TARIFFS, ids=name_of)
def test_a_mistake_names_line_path_problem_and_remedy(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", TARIFFS, ids=name_of)
def test_one_slip_is_reported_once(case: Case) -> None:
    assert len(mistakes(spoilt(case[:2]))) == 1
