"""``vpp device``: what may be done to a device."""

import asyncio
import getpass
from typing import Annotated

import typer
from rich.table import Table

from vpp.cli import said
from vpp.cli.console import console
from vpp.cli.daemons import City, Portfolio, directory, unkept
from vpp.cli.exits import faults_as_exits
from vpp.config.findings import instead
from vpp.domain.devices import Authority
from vpp.runtime.command_socket import ask

app = typer.Typer(no_args_is_help=True, help="What may be done to a device.")
_COLUMNS = ("device", "authority", "who", "when", "why", "link", "firmware")


_LEVELS = (
    "auto: plan, overrides and protections are written; manual: without the plan; shadow: what"
    " would be written goes on record only; observe, out_of_service: nothing."
)


_SETTABLE = tuple(one.value for one in Authority if one is not Authority.LOCAL)
"""All but ``local``, which only the device itself can say."""


def _settable(given: str) -> str:
    if given not in _SETTABLE:
        problem = f"{given!r} is no authority that can be given"
        raise typer.BadParameter(f"{problem}: {instead(given, _SETTABLE)}")
    return given


@app.command("set-authority")
def set_authority(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Id of the device.")],
    authority: Annotated[
        str, typer.Argument(metavar="AUTHORITY", help=_LEVELS, callback=_settable)
    ],
    reason: Annotated[
        str, typer.Option("--reason", help="Why; goes on record.", callback=said.reason)
    ],
    city: City = None,
    portfolio: Portfolio = None,
) -> None:
    """Set and keep a device's authority. Only auto and manual let anything be written.

    Example: vpp device set-authority apt-01-ess auto --reason "commissioned" --city city.yaml
    """
    with faults_as_exits():
        asked = {
            "verb": "set-authority", "device": device, "authority": authority,
            "who": getpass.getuser(), "why": reason,
        }  # fmt: skip
        answer = asyncio.run(ask(directory(city, portfolio), asked))
        typer.echo(f"{unkept(answer)}{device}: {authority}")


@app.command("list")
def list_devices(city: City = None, portfolio: Portfolio = None) -> None:
    """Every device of the running daemon: its authority, by whose word, its link and firmware."""
    with faults_as_exits():
        answer = asyncio.run(ask(directory(city, portfolio), {"verb": "devices"}))
        table = Table(*_COLUMNS)
        for row in answer["devices"]:
            who = row["who"] or "city file"
            table.add_row(*(who if name == "who" else str(row[name]) for name in _COLUMNS))
        console().print(table)
