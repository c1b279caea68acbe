"""``vpp version``."""

from importlib.metadata import version as installed
from typing import Annotated

import typer

from vpp.ports import plugins


def version(
    plugins_too: Annotated[
        bool, typer.Option("--plugins", help="List installed adapters, planners and so on.")
    ] = False,
) -> None:
    """Print the version, and with --plugins what is installed beside the core."""
    typer.echo(f"vpp-orchestrator {installed('vpp-orchestrator')}")
    if plugins_too:
        for group in plugins.GROUPS:
            typer.echo(f"{group}: {', '.join(plugins.names(group)) or 'none'}")
