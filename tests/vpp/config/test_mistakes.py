"""All mistakes of a file together."""

import pytest

from tests.vpp.config.sample import SAMPLE, spoilt
from tests.vpp.config.spoiling import mistakes

WARM = "            months: [4, 5, 6, 7, 8, 9]\n"


def test_all_mistakes_are_found_at_once_in_the_order_of_the_lines() -> None:
    text = spoilt(
        ("currency: KRW", "currency: XXX"),
        ("    parent: city\n", "    parent: town\n"),
        ("capacity_kwh: 100", "capacity_wh: 100"),
        ("    link: stations\n", "    link: nowhere\n"),
        (WARM, "            months: [4]\n"),
    )
    found = mistakes(text)
    assert [m.path for m in found] == [
        "portfolio.currency",
        "nodes[1].parent",
        "assets[0].capacity_wh",
        "devices[3].link",
        "tariffs[0].periods[1].seasons",
    ]
    lines = [m.line for m in found if m.line is not None]
    assert lines == sorted(lines)


def test_what_the_domain_refuses_has_a_line_too() -> None:
    text = spoilt(("soc_max: 0.9", "soc_max: 0.9\n    soc_min: 0.95"))
    (mistake,) = mistakes(text)
    assert mistake.path == "assets[0]"
    assert "soc_max" in mistake.problem
    assert mistake.line is not None
    assert "block-bat" in text.splitlines()[mistake.line - 1]


def test_a_file_without_portfolio_and_sites_says_so() -> None:
    assert {m.path for m in mistakes("version: 1\n")} == {"portfolio", "sites"}


@pytest.mark.parametrize("text", ["", "- a list\n", "just text\n", "null\n"])
def test_a_file_that_is_no_mapping_says_what_belongs_there(text: str) -> None:
    (mistake,) = mistakes(text)
    assert "mapping" in mistake.problem
    assert "portfolio" in mistake.remedy


def test_many_unknown_names_are_still_answered_quickly() -> None:
    devices = "".join(
        f"  - {{id: d{n}, link: l{n}, adapter: modbus, profile: p}}\n" for n in range(300)
    )
    found = mistakes(SAMPLE.replace("devices:\n", "devices:\n" + devices))
    assert sum("link" in m.path for m in found) == 300
