"""The reference page shows a city file that loads."""

import re
from pathlib import Path

from vpp.config.city import read_city
from vpp.config.proof import prove

HUB = """version: 1
portfolio: {id: hub, currency: KRW, time_zone: Asia/Seoul, country: KR, latitude: 35,
            longitude: 127}
sites: [{id: hub, settles: true}]
"""
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "city-file.md"


def test_the_city_file_of_the_reference_page_loads_and_holds() -> None:
    city = read_city(blocks()[0], "city-file.md")
    assert all(row.holds for row in prove(city.portfolio))


def test_the_hydrogen_and_heat_of_the_reference_page_load() -> None:
    assets = read_city(HUB + blocks()[1], "city-file.md").portfolio.assets
    assert {asset.kind for asset in assets.values()} == {
        "electrolyser", "hydrogen_store", "fuel_cell", "heat_pump", "chp", "thermal_store",
    }  # fmt: skip


def blocks() -> tuple[str, str]:
    whole, hydrogen = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    return whole, hydrogen
