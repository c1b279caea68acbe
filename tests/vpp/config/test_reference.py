"""The reference page shows a city file that loads."""

import re
from pathlib import Path

from vpp.config.city import read_city
from vpp.config.proof import prove

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "city-file.md"


def test_the_city_file_of_the_reference_page_loads_and_holds() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    city = read_city(example, "city-file.md")
    assert all(row.holds for row in prove(city.portfolio))
