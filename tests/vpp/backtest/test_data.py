"""Data folders: what is read, and what is said of one that is wrong."""

import gzip
from pathlib import Path

import pytest

from tests.vpp.backtest.folders import SESSIONS, SITES, hourly, signals, write_folder
from vpp.backtest.data import read_recording
from vpp.domain.errors import ConfigurationError


def test_a_folder_is_read_whole(tmp_path: Path) -> None:
    found = read_recording(write_folder(tmp_path))
    assert found.sites == ("a", "b", "c")
    assert (len(found.grid), found.hours) == (48, 1.0)
    assert found.load_kw.shape == found.pv_kw.shape == (3, 48)
    assert found.load_kw[:, 5].tolist() == [2, 1, 3]
    assert found.pv_kw[:, 7].tolist() == [9, 4, 0]
    assert found.storage.site.tolist() == [0, 1]
    assert found.storage.low_kwh.tolist() == [0, 2]
    assert found.storage.high_kwh.tolist() == [10, 18]
    assert found.start_kwh.tolist() == [0, 2]
    assert found.price_per_kwh is not None
    assert found.price_per_kwh[8:14].tolist() == [10, 30, 30, 30, 30, 10]
    (session,) = found.sessions
    assert (session.site, session.energy_kwh, session.max_kw) == (2, 6, 4)
    assert session.departure_s - session.arrival_s == 4.5 * 3600
    assert found.meta["time_zone"] == "Asia/Seoul"


def test_what_is_optional_may_be_missing(tmp_path: Path) -> None:
    optional = ("signals_hourly.csv", "ev_sessions.csv", "meta.yaml")
    folder = write_folder(tmp_path, dict.fromkeys(optional))
    found = read_recording(folder)
    assert (found.price_per_kwh, found.sessions, found.meta) == (None, (), {})


def test_data_may_be_packed_and_in_parts(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"sites_hourly.csv": None})
    heading, *rows = hourly().splitlines()
    (folder / "sites_1.csv").write_text("\n".join([heading, *rows[:60]]))
    with gzip.open(folder / "sites_2.csv.gz", "wt") as part:
        part.write("\n".join([heading, *rows[60:]]))
    assert len(read_recording(folder).grid) == 48


def test_hourly_prices_hold_for_the_quarters_of_an_hour(tmp_path: Path) -> None:
    quarters = ["timestamp_utc,site,load_kw,pv_kw"]
    quarters += [f"2026-07-01T{8 + n // 4:02d}:{n % 4 * 15:02d}:00Z,a,1,0" for n in range(8)]
    folder = write_folder(
        tmp_path,
        {
            "sites.csv": "site\na\n",
            "sites_hourly.csv": "\n".join(quarters),
            "ev_sessions.csv": None,
        },
    )
    found = read_recording(folder)
    assert found.hours == 0.25
    assert found.price_per_kwh is not None
    assert found.price_per_kwh.tolist() == [10] * 4 + [30] * 4


def test_separate_powers_of_a_battery_go_before_the_common_one(tmp_path: Path) -> None:
    text = "site,battery_capacity_kwh,battery_charge_kw,battery_discharge_kw\na,9,3,4\nb,,,\nc,,,\n"
    storage = read_recording(write_folder(tmp_path, {"sites.csv": text})).storage
    assert (storage.charge_kw.tolist(), storage.discharge_kw.tolist()) == ([3], [4])
    assert storage.high_kwh.tolist() == [9]


def test_columns_of_other_things_pass(tmp_path: Path) -> None:
    heading, *rows = SITES.splitlines()
    added = [f"{heading},pv_capacity_kw,battery_name,phase", *(f"{row},1,x,2" for row in rows)]
    found = read_recording(write_folder(tmp_path, {"sites.csv": "\n".join(added)}))
    assert found.storage.high_kwh.tolist() == [10, 18]


AT_5 = "2026-07-01T05:00:00Z,a,2.0,9.0\n"
BROKEN = [
    ("sites.csv", None, "sites.csv: the whole file: there is no such file"),
    ("sites.csv", "name\na\n", "sites.csv:1: site: the column is missing"),
    ("sites.csv", "site\na\na\n", "sites.csv:3: site: is 'a'"),
    ("sites.csv", SITES.replace("a,10,5", "a,10,"), "sites.csv:2: battery_charge_kw: a battery"),
    ("sites.csv", SITES.replace("a,10", "a,ten"), "sites.csv:2: battery_capacity_kwh: is 'ten'"),
    (
        "sites.csv",
        "site,battery_kwh,battery_power_kw\na,10,5\nb,,\nc,,\n",
        "sites.csv:1: battery_kwh: the column is unknown (did you mean 'battery_capacity_kwh'?)",
    ),
    (
        "sites.csv",
        "site,battery_kwh\na,10\nb,\nc,\n",
        "battery_kwh: the column is unknown (did you mean 'battery_capacity_kwh'?)",
    ),
    (
        "sites.csv",
        SITES.replace("eta_charge", "eta_charg"),
        "sites.csv:1: eta_charg: the column is unknown (did you mean 'eta_charge'?)",
    ),
    (
        "sites.csv",
        "site,battery_power_kw\na,5\nb,\nc,\n",
        "sites.csv:1: battery_capacity_kwh: the column is missing",
    ),
    (
        "sites.csv",
        "site,battery_capacity_kwh,battery_charge_kw\na,5,2\nb,,\nc,,\n",
        "sites.csv:1: battery_discharge_kw: the column is missing",
    ),
    (
        "batteries.csv",
        "battery,site,capacity_kwh,battery_power_kw\nb1,a,5,2\n",
        "batteries.csv:1: capacity_kwh: the column is unknown",
    ),
    (
        "batteries.csv",
        "battery,site\nb1,a\n",
        "batteries.csv:1: battery_capacity_kwh: the column is missing",
    ),
    ("sites_hourly.csv", None, "no such file"),
    ("sites_hourly.csv", ("a,2.0", "a,-2.0"), "sites_hourly.csv:17: load_kw: is '-2.0'"),
    ("sites_hourly.csv", (",a,", ",x,"), "sites_hourly.csv:17: site: is 'x'"),
    ("sites_hourly.csv", ("2026-07-01T05:00:00Z", "05:00"), "17: timestamp_utc: is '05:00'"),
    ("sites_hourly.csv", (",9.0", ""), "sites_hourly.csv:17: the whole line: has 3 fields"),
    ("sites_hourly.csv", (AT_5, ""), "a has no value at 2026-07-01T05:00:00"),
    ("sites_hourly.csv", hourly().replace("T05:00", "T05:30"), "the steps are not all equal"),
    ("signals_hourly.csv", signals(12), "does not cover"),
    ("ev_sessions.csv", SESSIONS.replace("T06:00", "T01:00"), "ev_sessions.csv:2: departure_utc"),
    ("ev_sessions.csv", SESSIONS.replace(",6,4", ",0,4"), "ev_sessions.csv:2: energy_kwh: is '0'"),
    ("ev_sessions.csv", SESSIONS.replace("energy_kwh", "energy"), "ev_sessions.csv:1: energy_kwh"),
    ("meta.yaml", "a: 1\na: 2\n", "meta.yaml:2: a: 'a' stands here twice"),
    ("meta.yaml", "time_zone: Mars\n", "meta.yaml:1: time_zone: 'Mars' is unknown"),
    ("meta.yaml", "- a\n", "meta.yaml: the whole file: is not a mapping"),
]


@pytest.mark.parametrize(("name", "change", "said"), BROKEN, ids=[case[2] for case in BROKEN])
def test_a_broken_folder_says_what_and_where(
    tmp_path: Path, name: str, change: str | tuple[str, str] | None, said: str
) -> None:
    """A change in parentheses is one within the line of site a at 5 o'clock."""
    text = change
    if isinstance(change, tuple):
        text = hourly().replace(AT_5, AT_5.replace(*change))
    folder = write_folder(tmp_path, {name: None if text is None else str(text)})
    with pytest.raises(ConfigurationError) as caught:
        read_recording(folder)
    assert said in str(caught.value)
