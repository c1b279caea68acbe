"""What a person reads of a probe, on a terminal and in a file."""

from io import StringIO

import pytest
from rich.console import Console

from vpp.cli.probe_table import show
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.points import Point, Quantity
from vpp.runtime.probe import Finding

HYBRID = Finding(
    device=DeviceId("office-05-hybrid"),
    identity="Haeoreum HY-45 HO-0015 1.0.0",
    measured={
        Point(subject=AssetId("office-05-bat"), quantity=Quantity.POWER_KW): -6.36,
        Point(subject=AssetId("office-05-bat"), quantity=Quantity.SOC): 0.349,
        Point(subject=AssetId("office-05-bat"), quantity=Quantity.AVAILABLE_KWH): 21.0,
        Point(subject=AssetId("office-05-pv"), quantity=Quantity.POWER_KW): -0.001,
    },
)
GAUGE = Finding(
    device=DeviceId("gauge"),
    identity="[bold]Acme",
    measured={Point(subject=AssetId("bat"), quantity=Quantity.AVAILABLE_KWH): 21.0},
)
SILENT = [
    Finding(device=DeviceId(name), trouble=f"{name}: [Errno 111] " + "no connection " * 12)
    for name in ("far", "away")
]
HELD = Finding(
    device=DeviceId("ours"), held="held by process 7 since 2026-07-15, which hears it: online"
)


def shown(*found: Finding, width: int, terminal: bool) -> list[str]:
    out = Console(file=StringIO(), width=width, force_terminal=terminal, color_system=None)
    show(found, out)
    assert isinstance(out.file, StringIO)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]


def test_a_terminal_of_80_columns_has_a_line_for_each_and_beneath_what_is_amiss() -> None:
    lines = shown(HYBRID, GAUGE, *SILENT, HELD, width=80, terminal=True)
    rows = [line for line in lines if line.startswith("│")]
    assert len(rows) == 5
    assert all(len(row) <= 80 for row in rows)
    assert "-6.4 kW, 35%, 0.0 kW" in rows[0]
    assert "[bold]Acme" in rows[1]
    assert "no power" in rows[1]
    assert [row for row in rows if "see beneath" in row] == rows[2:]
    beneath = lines[lines.index(next(line for line in lines if line.startswith("far"))) :]
    assert beneath[0].startswith("far, away: [Errno 111] no connection")
    assert beneath[1] == f"ours: {HELD.held}"
    assert "a wider terminal" in beneath[2]


@pytest.mark.parametrize("terminal", [True, False])
def test_where_there_is_room_all_is_in_the_table(terminal: bool) -> None:
    said = "".join(shown(HYBRID, HELD, width=400, terminal=terminal))
    assert "beneath" not in said
    assert "office-05-bat.power_kw -6.36, office-05-bat.soc 0.349" in said
    assert "which hears it: online" in said
