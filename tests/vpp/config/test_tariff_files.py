"""Tariffs and prices that stand in files of their own."""

from pathlib import Path

import pytest

from tests.vpp.config.sample import SAMPLE
from vpp.config.city import City, load_city
from vpp.config.examples import example_city, example_tariffs
from vpp.domain.errors import ConfigurationError
from vpp.domain.ids import TariffId
from vpp.domain.tariff import Tariff

BEGIN = SAMPLE.index("tariffs:\n")
STATED = SAMPLE[BEGIN : SAMPLE.index("simulation:")]
OWN = "\n".join(
    line[4:] if line.startswith("    ") else line.replace("  - ", "", 1)
    for line in STATED.splitlines()[1:]
)
"""The sample's tariff as a file."""


def city(folder: Path, entry: str, **files: str) -> City:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    path = folder / "city.yaml"
    path.write_text(SAMPLE.replace(STATED, f"tariffs:\n  - {entry}\n"), encoding="utf-8")
    return load_city(path)


def wrong(folder: Path, entry: str, **files: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        city(folder, entry, **files)
    return [str(mistake) for mistake in caught.value.mistakes]


def tariff(found: City) -> Tariff:
    return found.portfolio.tariffs[TariffId("general")]


def test_a_tariff_beside_the_city_file_is_as_if_it_stood_there(tmp_path: Path) -> None:
    stated = load_city(written(tmp_path, SAMPLE)).portfolio.tariffs
    assert city(tmp_path, "{file: prices.yaml}", prices__yaml=OWN).portfolio.tariffs == stated


def written(folder: Path, text: str) -> Path:
    path = folder / "whole.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_packaged_tariff_is_found_by_its_name_and_has_the_id_that_the_city_gives_it(
    tmp_path: Path,
) -> None:
    example = load_city(example_city("city-20")).portfolio.tariffs[TariffId("general")]
    name = "kr-industrial-gap2-hva1.yaml"
    assert name in example_tariffs()
    assert tariff(city(tmp_path, f"{{id: general, file: {name}}}")) == example


def test_every_packaged_tariff_can_be_read_and_says_where_it_was_published(tmp_path: Path) -> None:
    for name in example_tariffs():
        read = tariff(city(tmp_path, f"{{id: general, file: {name}}}"))
        assert all(len(period.source) > 40 for period in read.periods)


def test_a_mistake_in_the_file_has_its_line_there(tmp_path: Path) -> None:
    spoilt = OWN.replace("valid_to: 2026-01-01", "valid_to: 2025-12-31")
    (said,) = wrong(tmp_path, "{file: prices.yaml}", prices__yaml=spoilt)
    line = next(i for i, text in enumerate(spoilt.splitlines(), 1) if "from: 2026-01-01" in text)
    assert f"prices.yaml:{line}: periods[1].valid_from" in said
    assert "leaves a gap" in said


def test_a_mistake_beside_it_has_its_line_in_the_city_file(tmp_path: Path) -> None:
    said = wrong(tmp_path, "{file: prices.yaml, id: '-'}", prices__yaml=OWN)
    assert all("city.yaml" in one for one in said)
    assert any("tariffs[0].id" in one for one in said)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("periods: [", "not YAML"),
        ("- a list", "is not a tariff"),
    ],
)
def test_a_file_that_is_no_tariff_is_named(tmp_path: Path, text: str, expected: str) -> None:
    (said,) = wrong(tmp_path, "{id: general, file: prices.yaml}", prices__yaml=text)
    assert "prices.yaml" in said
    assert expected in said


def test_a_file_that_is_not_there_is_named_with_what_was_meant(tmp_path: Path) -> None:
    (said,) = wrong(tmp_path, "{id: general, file: kr-industrial-gap2.yaml}")
    assert "city.yaml" in said
    assert "tariffs[0].file" in said
    assert "did you mean 'kr-industrial-gap2-hva1.yaml'?" in said


PRICED = "{file: general.yaml, prices: {file: smp.csv}}"


def priced(folder: Path, csv: str) -> Tariff:
    return tariff(city(folder, PRICED, general__yaml=OWN, smp__csv=csv))


def test_prices_of_a_file_come_on_top_of_the_bands(tmp_path: Path) -> None:
    read = priced(
        tmp_path,
        "start,export_per_kwh,import_per_kwh\n"
        "2026-07-15T00:00,120.5,10\n"
        "2026-07-15T01:00,-3,-100\n"
        "2026-07-15T02:00+09:00,0,0\n",
    )
    assert read.prices is not None
    assert read.prices.step_s == 3600.0
    assert read.prices.known_until.isoformat() == "2026-07-14T18:00:00+00:00"
    assert read.prices.export_per_kwh is not None
    assert read.prices.export_per_kwh.tolist() == [120.5, -3.0, 0.0]


@pytest.mark.parametrize(
    ("csv", "expected"),
    [
        ("", "smp.csv:1: the row: does not name the columns"),
        ("start\n2026-07-15T00:00\n", "does not name the columns"),
        ("start,import\n", "smp.csv:1: import: the column is unknown"),
        ("start,import_per_kwh,import_per_kwh\n", "a column stands there twice"),
        ("start,import_per_kwh\n2026-07-15T00:00,1\n", "has 1 rows of prices"),
        ("start,import_per_kwh\n2026-07-15T00:00,1\n2026-07-15T01:00\n", "smp.csv:3: the row: has"),
        (
            "start,import_per_kwh\n2026-07-15T00:00,1\n2026-07-15T01:00,cheap\n",
            "smp.csv:3: import_per_kwh: 'cheap' is no price",
        ),
        (
            "start,import_per_kwh\n2026-07-15T00:00,1\n2026-07-15T01:00,nan\n",
            "smp.csv:3: import_per_kwh: 'nan' is no price",
        ),
        (
            "start,import_per_kwh\n2026-07-15T00:00,1\n\n15.07.2026 01:00,2\n",
            "smp.csv:4: start: '15.07.2026 01:00' is no time",
        ),
        (
            "start,import_per_kwh\n2026-07-15T01:00,1\n2026-07-15T01:00,2\n",
            "smp.csv:3: start: 2026-07-15T01:00 is not after line 2",
        ),
        (
            "start,import_per_kwh\n2026-07-15T00:00,1\n2026-07-15T01:00,2\n2026-07-15T02:30,2\n",
            "smp.csv:4: start: does not lie on the file's steps of 60 minutes",
        ),
        (
            "start,import_per_kwh\n2026-07-15T00:00:00,1\n2026-07-15T00:00:10,2\n",
            "smp.csv:2: start: steps are 10 s long",
        ),
    ],
)
def test_a_mistake_in_prices_has_its_line_and_column(
    tmp_path: Path, csv: str, expected: str
) -> None:
    said = wrong(tmp_path, PRICED, general__yaml=OWN, smp__csv=csv)
    assert any(expected in one for one in said), said


def test_a_time_that_the_clocks_show_twice_needs_its_offset(tmp_path: Path) -> None:
    text = SAMPLE.replace("Asia/Seoul", "Europe/Berlin").replace("country: KR", "country: DE")
    text = text.replace("  - id: general\n", "  - id: general\n    prices: {file: smp.csv}\n")
    csv = "start,import_per_kwh\n2026-10-25T01:00,1\n2026-10-25T02:00,2\n2026-10-25T03:00,3\n"
    (tmp_path / "smp.csv").write_text(csv, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"smp.csv:3: start: .*say the offset"):
        load_city(written(tmp_path, text))
    both = "2026-10-25T02:00+02:00,2\n2026-10-25T02:00+01:00,2"
    (tmp_path / "smp.csv").write_text(csv.replace("2026-10-25T02:00,2", both), encoding="utf-8")
    series = load_city(written(tmp_path, text)).portfolio.tariffs[TariffId("general")].prices
    assert series is not None
    assert len(series.starts_s) == 4


def test_prices_that_are_not_there_are_named(tmp_path: Path) -> None:
    (said,) = wrong(tmp_path, PRICED, general__yaml=OWN)
    assert "tariffs[0].prices.file: there is no file 'smp.csv'" in said
