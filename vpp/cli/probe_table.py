"""What every device answered to a probe: a line each, as wide as the terminal is."""

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vpp.domain.points import Quantity
from vpp.runtime.probe import Finding

_MAIN = {Quantity.POWER_KW: "{:z.1f} kW", Quantity.SOC: "{:z.0%}"}
"""What stands for all that a device measured, and how: power, and how full a store is."""
_ROOM = 1000
"""Characters, for any line at all."""


def show(found: Sequence[Finding], out: Console) -> None:
    """Everything where there is room; else a short line each, and beneath what is amiss."""
    whole = _table(found, _amiss, _everything)
    room = out.options.update(max_width=_ROOM)
    if not out.is_terminal or out.measure(whole, options=room).maximum <= out.width:
        out.print(whole)
        return
    out.print(_table(found, lambda one: _amiss(one) and "see beneath", _main))
    for why, devices in _beneath(found).items():
        out.print(f"{', '.join(devices)}: {why}", soft_wrap=True)
    if any(one.measured for one in found):
        out.print("a wider terminal, or a file, has all that they measure", style="dim")


def _table(
    found: Sequence[Finding],
    amiss: Callable[[Finding], str],
    measured: Callable[[Finding], str],
) -> Table:
    table = Table(title="Devices", title_justify="left")
    for name in ("device", "answers as", "measured"):
        table.add_column(name, no_wrap=True)
    for one in found:
        who = amiss(one) or escape(one.identity)
        table.add_row(one.device, who if one.well else f"[red]{who}[/]", measured(one))
    return table


def _amiss(one: Finding) -> str:
    """Why it was not asked, or what is wrong with its answer."""
    return escape(one.held or one.trouble.removeprefix(f"{one.device}: "))


def _everything(one: Finding) -> str:
    return ", ".join(f"{point} {value:.3g}" for point, value in one.measured.items())


def _main(one: Finding) -> str:
    said = [
        _MAIN[point.quantity].format(value)
        for point, value in one.measured.items()
        if point.quantity in _MAIN
    ]
    return ", ".join(said) or ("no power" if one.measured else "")


def _beneath(found: Sequence[Finding]) -> Mapping[str, Sequence[str]]:
    """Devices by what is amiss with them; one sentence for those of one cause."""
    causes: dict[str, list[str]] = {}
    for one in found:
        if why := _amiss(one):
            causes.setdefault(why, []).append(one.device)
    return causes
