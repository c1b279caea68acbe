from io import StringIO

import pytest
from rich.console import Console

from tests.vpp.control.planning.cities import snapshot, two_sites
from vpp.cli.console import can_draw
from vpp.cli.live_view import ScoreRow, kw, live_view
from vpp.config.city import load_city
from vpp.config.examples import example_city
from vpp.control.inputs import Alarm
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.setpoint import target
from vpp.runtime.view import View

PORTFOLIO = two_sites()


def shown(view: View, width: int = 150, height: int = 50) -> str:
    console = Console(width=width, height=height, record=True, file=StringIO())
    rows = [
        ScoreRow(
            controller="no control", self_consumption=None, self_sufficiency=0.5, import_kwh=1234.0
        )
    ]
    console.print(live_view(view, rows, width=width, height=height))
    return console.export_text()


def test_flows_storage_score_and_alarms_are_on_one_screen() -> None:
    measured = {
        "home-bat": {Quantity.POWER_KW: -2.5, Quantity.SOC: 0.5, Quantity.SETPOINT_KW: -2.6},
        "home-meter": {Quantity.POWER_KW: 3.25},
        "shop-meter": {Quantity.POWER_KW: 1.0},
    }
    alarm = Alarm(code="STALE_METER", subject="node:shop", text="nothing heard for 40 s")
    text = shown(View(portfolio=PORTFOLIO, snapshot=snapshot(PORTFOLIO, measured), alarms=(alarm,)))
    assert "6/6 devices online" in text
    assert " 4.2 " in text, "the pool's net is the sum of its site meters"
    assert "50.0 %" in text
    assert "-2.5 kW" in text
    assert "-2.6 kW" in text
    assert "1,234 kWh" in text
    assert "STALE_METER node:shop: nothing heard for 40 s" in text


def test_converters_of_hydrogen_and_heat_have_a_column_where_there_are_any() -> None:
    hub = load_city(example_city("hydrogen-hub")).portfolio
    measured = {
        "hub-electrolyser": {Quantity.POWER_KW: 120.0},
        "hub-heatpump": {Quantity.POWER_KW: 11.5},
        "hub-bat": {Quantity.POWER_KW: 7.0},
    }
    view = View(portfolio=hub, snapshot=snapshot(hub, measured))
    (pool,) = hub.pools
    assert view.flows(pool).converter_kw == 131.5
    assert view.flows(pool).battery_kw == 7.0
    text = shown(view)
    assert "converters" in text
    assert " 131.5 " in text
    assert "converters" not in shown(View(portfolio=PORTFOLIO, snapshot=snapshot(PORTFOLIO, {})))


def test_what_is_not_measured_is_a_dash_and_never_a_zero() -> None:
    text = shown(View(portfolio=PORTFOLIO, snapshot=snapshot(PORTFOLIO, {})))
    assert " 0.0 " not in text
    assert "–" in text
    assert "safe state" in text


def test_next_to_nothing_has_no_sign() -> None:
    assert (kw(-0.04), kw(-0.06), kw(None)) == ("0.0 kW", "-0.1 kW", "–")


def authorised(authority: Authority) -> View:
    seen = snapshot(PORTFOLIO, {}, authority={"home-ess": authority})
    would = target(AssetId("home-bat"), -3.4, expires_s=1e9, owner="plan", reason="why")
    shadows = {AssetId("home-bat"): would} if authority is Authority.SHADOW else {}
    return View(portfolio=PORTFOLIO, snapshot=seen, shadows=shadows)


@pytest.mark.parametrize("authority", [one for one in Authority if one is not Authority.AUTO])
def test_what_is_not_auto_is_marked(authority: Authority) -> None:
    text = shown(authorised(authority))
    assert f"home-bat {authority}" in text
    assert ("(-3.4 kW)" in text) is (authority is Authority.SHADOW)


def test_nothing_is_marked_while_all_is_auto() -> None:
    assert "home-bat auto" not in shown(authorised(Authority.AUTO))


def test_a_small_terminal_cuts_no_power_off() -> None:
    measured = {
        "home-bat": {Quantity.POWER_KW: -1002.5},
        "home-meter": {Quantity.POWER_KW: 1003.25},
        "shop-meter": {Quantity.POWER_KW: 1.0},
    }
    text = shown(View(portfolio=PORTFOLIO, snapshot=snapshot(PORTFOLIO, measured)), 80, 24)
    assert "-1,002.5" in text
    assert "1,004.2" in text


def test_a_small_terminal_cuts_no_heading_of_the_score() -> None:
    names = ("no control", "each inverter on its own rule", "this daemon")
    rows = [
        ScoreRow(
            controller=name,
            self_consumption=1.0,
            self_sufficiency=0.5,
            import_kwh=123456.0,
            peak_kw=1234.5,
        )
        for name in names
    ]
    console = Console(width=80, height=24, record=True, file=StringIO())
    console.print(live_view(authorised(Authority.SHADOW), rows, width=80, height=24))
    text = console.export_text()
    assert len(text.splitlines()) <= 24
    for whole in ("self-cons.", "self-suff.", "import", "15 min peak", "123,456 kWh", "1,234.5 kW"):
        assert whole in text
    assert "this daemon" in text


def test_a_small_terminal_keeps_the_score() -> None:
    lines = shown(authorised(Authority.SHADOW), 80, 24).splitlines()
    assert len(lines) <= 24
    assert any("1,234 kWh" in line for line in lines)
    assert any("home-bat shadow" in line for line in lines)


@pytest.mark.parametrize("width", [20, 40, 71])
def test_a_narrow_terminal_gets_short_lines_whose_figures_are_whole(width: int) -> None:
    measured = {
        "home-meter": {Quantity.POWER_KW: 3.25},
        "shop-meter": {Quantity.POWER_KW: 1.0},
        "home-bat": {Quantity.POWER_KW: -2.5, Quantity.SOC: 0.5},
    }
    alarm = Alarm(code="STALE_METER", subject="node:shop", text="nothing heard for 40 s")
    view = View(portfolio=PORTFOLIO, snapshot=snapshot(PORTFOLIO, measured), alarms=(alarm,) * 30)
    lines = shown(view, width, 20).splitlines()
    assert len(lines) == 20
    assert max(map(len, lines)) <= width
    assert " grid 4.2 kW" in map(str.rstrip, lines)
    assert " stored 50.0 %" in map(str.rstrip, lines)
    assert any(line.startswith("STALE_METER") for line in lines)
    assert lines[-1].endswith(" lines more")


@pytest.mark.parametrize(("terminal", "drawn"), [("xterm", True), ("dumb", False)])
def test_on_a_dumb_terminal_nothing_is_drawn(terminal: str, *, drawn: bool) -> None:
    environment = {"TERM": terminal}
    assert can_draw(Console(force_terminal=True, _environ=environment)) is drawn
    assert not can_draw(Console(force_terminal=False, _environ=environment))
