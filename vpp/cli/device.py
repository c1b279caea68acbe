"""``vpp device``: what may be done to a device."""

import asyncio
import getpass
from typing import Annotated

import typer

from vpp.cli.exits import faults_as_exits
from vpp.cli.override import City, Portfolio, directory
from vpp.domain.devices import Authority
from vpp.runtime.command_socket import ask

app = typer.Typer(no_args_is_help=True, help="What may be done to a device.")


@app.command("set-authority")
def set_authority(
    device: Annotated[str, typer.Argument(help="Id of the device.")],
    authority: Annotated[Authority, typer.Argument(help="What the daemon may do to it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; goes on record.")],
    city: City = None,
    portfolio: Portfolio = None,
) -> None:
    """Set and keep a device's authority. Only auto and manual let anything be written."""
    with faults_as_exits():
        asked = {
            "verb": "set-authority", "device": device, "authority": authority,
            "who": getpass.getuser(), "why": reason,
        }  # fmt: skip
        asyncio.run(ask(directory(city, portfolio), asked))
        typer.echo(f"{device}: {authority}")
