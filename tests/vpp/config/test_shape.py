"""Mistakes within one entry: unknown keys, other units, kinds, ranges, names of the world."""

import pytest

from tests.vpp.config.sample import spoilt
from tests.vpp.config.spoiling import Case, check, mistakes, name_of

BAT = "    capacity_kwh: 100\n"

SHAPE: list[Case] = [
    (
        BAT,
        "    capacity_wh: 100\n",
        "capacity_wh",
        "assets[0].capacity_wh",
        "unknown",
        "'capacity_kwh', in kWh: divide by 1000",
    ),
    (
        BAT,
        "    capacity_mwh: 1\n",
        "capacity_mwh",
        "assets[0].capacity_mwh",
        "unknown",
        "multiply by 1000",
    ),
    (
        BAT,
        "    capacty_kwh: 1\n",
        "capacty_kwh",
        "assets[0].capacty_kwh",
        "unknown",
        "did you mean 'capacity_kwh'?",
    ),
    (BAT, "", "id: block-bat", "assets[0].capacity_kwh", "is missing", "state it"),
    (
        BAT,
        "    capacity_kwh: -3\n",
        "capacity_kwh: -3",
        "assets[0].capacity_kwh",
        "is -3, expected at least 0.001",
        "",
    ),
    (
        BAT,
        "    capacity_kwh: 1e30\n",
        "capacity_kwh: 1e30",
        "assets[0].capacity_kwh",
        "is 1e+30, expected at most 10000000",
        "",
    ),
    (
        BAT,
        "    capacity_kwh: 1e-30\n",
        "capacity_kwh: 1e-30",
        "assets[0].capacity_kwh",
        "is 1e-30, expected at least 0.001",
        "",
    ),
    (
        BAT,
        "    capacity_kwh: 3 kWh\n",
        "3 kWh",
        "assets[0].capacity_kwh",
        "is '3 kWh'",
        "a number without quotes or unit",
    ),
    (
        BAT,
        "    capacity_kwh: .nan\n",
        ".nan",
        "assets[0].capacity_kwh",
        "is nan",
        "a finite number",
    ),
    (BAT, "    capacity_kwh:\n", "capacity_kwh:", "assets[0].capacity_kwh", "is empty", "a number"),
    (
        "soc_max: 0.9",
        "soc_max: 90",
        "soc_max",
        "assets[0].soc_max",
        "is 90, expected at most 1",
        "90 % is 0.9",
    ),
    (
        "soc_max: 0.9",
        "soc_max_percent: 90",
        "soc_max_percent",
        "assets[0].soc_max_percent",
        "unknown",
        "'soc_max', a fraction",
    ),
    (
        "kind: battery",
        "kind: batery",
        "kind: batery",
        "assets[0].kind",
        "is 'batery'",
        "did you mean 'battery'?",
    ),
    (
        "    kind: battery\n",
        "",
        "id: block-bat",
        "assets[0].kind",
        "'kind' is missing",
        "one of battery, pv",
    ),
    (
        "settles: true",
        "settles: yes",
        "settles: yes",
        "nodes[1].settles",
        "is 'yes'",
        "true or false",
    ),
    (
        "contract_kw: {import: 90}",
        "contract_kw: {imports: 90}",
        "imports",
        "nodes[1].contract_kw.imports",
        "unknown",
        "did you mean 'import'?",
    ),
    (
        "safe: floor",
        "safe: flor",
        "safe: flor",
        "devices[3].safe",
        "is 'flor'",
        "did you mean 'floor'?",
    ),
    ("port: 1883", "port: 99999", "port: 99999", "links[1].port", "expected at most 65535", ""),
    (
        "soc: 1}",
        "soc: -1}",
        "soc: -1",
        "devices[0].carries[0].reads.soc",
        "is -1, expected at least 0",
        "",
    ),
    (
        "version: 1\n",
        "version: 2\n",
        "version: 2",
        "version",
        "is 2",
        "this release reads version 1",
    ),
    ("simulation: {seed: 1}", "simulation: 3", "simulation: 3", "simulation", "not a mapping", ""),
    (
        "    parent: city\n",
        "    parent: city\n    parent: city\n",
        "parent: city",
        "nodes[1].parent",
        "stands here twice, first on line 13",
        "keep one",
    ),
]


PLACE: list[Case] = [
    (
        "currency: KRW",
        "currency: KWR",
        "currency",
        "portfolio.currency",
        "'KWR' is unknown",
        "ISO 4217",
    ),
    (
        "currency: KRW",
        "currency: krw",
        "currency",
        "portfolio.currency",
        "'krw' is unknown",
        "did you mean KRW?",
    ),
    (
        "Asia/Seoul",
        "Asia/Soul",
        "time_zone",
        "portfolio.time_zone",
        "'Asia/Soul' is unknown",
        "did you mean Asia/Seoul?",
    ),
    (
        "country: KR",
        "country: Korea",
        "country",
        "portfolio.country",
        "'Korea' is unknown",
        "ISO 3166",
    ),
]


# what refers to a wrong name is left without its other end
NAMES: list[Case] = [
    (
        "  - id: block\n",
        "  - id: block 1\n",
        "id: block 1",
        "sites[0].id",
        "is 'block 1'",
        "letters, digits",
    ),
    ("  - id: block\n", "  - id: 12\n", "id: 12", "sites[0].id", "is 12", "text; put it in quotes"),
    (
        "links:\n",
        "linkes:\n",
        "linkes",
        "linkes",
        "the key 'linkes' is unknown",
        "did you mean 'links'?",
    ),
]


@pytest.mark.parametrize("case", SHAPE + PLACE + NAMES, ids=name_of)
def test_a_mistake_names_line_path_problem_and_remedy(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", SHAPE + PLACE, ids=name_of)
def test_one_slip_is_reported_once(case: Case) -> None:
    assert len(mistakes(spoilt(case[:2]))) == 1
