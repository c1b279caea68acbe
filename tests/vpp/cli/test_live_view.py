from io import StringIO

from rich.console import Console

from tests.vpp.control.planning.cities import snapshot, two_sites
from vpp.cli.live_view import ScoreRow, live_view
from vpp.control.inputs import Alarm
from vpp.domain.points import Quantity
from vpp.runtime.view import View

PORTFOLIO = two_sites()


def shown(view: View) -> str:
    console = Console(width=150, height=50, record=True, file=StringIO())
    rows = [
        ScoreRow(
            controller="no control", self_consumption=None, self_sufficiency=0.5, import_kwh=1234.0
        )
    ]
    console.print(live_view(view, rows, height=50))
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
    assert "4.2 kW" in text, "the pool's net is the sum of its site meters"
    assert "50.0 %" in text
    assert "-2.5 kW" in text
    assert "-2.6 kW" in text
    assert "1,234 kWh" in text
    assert "STALE_METER node:shop: nothing heard for 40 s" in text


def test_what_is_not_measured_is_a_dash_and_never_a_zero() -> None:
    text = shown(View(portfolio=PORTFOLIO, snapshot=snapshot(PORTFOLIO, {})))
    assert "0.0 kW" not in text.replace("no control", "")
    assert "–" in text
    assert "safe state" in text
