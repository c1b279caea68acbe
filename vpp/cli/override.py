"""``vpp override``: a proposal to the running daemon."""

import asyncio
import getpass
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

import typer

from vpp.cli import said
from vpp.cli.daemons import City, Portfolio, directory, unkept
from vpp.cli.exits import errors, faults_as_exits
from vpp.cli.spans import seconds
from vpp.domain.devices import Authority
from vpp.domain.errors import VppError
from vpp.runtime.command_socket import ask
from vpp.runtime.sources import LONGEST_OVERRIDE


def override(
    scope: Annotated[
        str,
        typer.Argument(
            metavar="SCOPE", help="Asset, site, node or pool: its id, or kind:id as node:north."
        ),
    ],
    power_kw: Annotated[
        float | None,
        typer.Option(
            "--power",
            metavar="KW",
            parser=said.power_kw,
            help="Hold this power; + into the asset, at nodes import.",
        ),
    ] = None,
    least_kw: Annotated[
        float | None,
        typer.Option("--min", metavar="KW", parser=said.power_kw, help="Not below this power."),
    ] = None,
    most_kw: Annotated[
        float | None,
        typer.Option("--max", metavar="KW", parser=said.power_kw, help="Not above this power."),
    ] = None,
    lasts: Annotated[
        str, typer.Option("--for", help="How long, in the city's time; at most 4h.")
    ] = "30min",
    reason: Annotated[
        str, typer.Option("--reason", help="Why; goes on record.", callback=said.reason)
    ] = "",
    end: Annotated[
        bool, typer.Option("--end", help="Withdraw the overrides of this scope.")
    ] = False,
    city: City = None,
    portfolio: Portfolio = None,
) -> None:
    """Override the plan for a while; limits and protections still win.

    Example: vpp override apt-01-bat --power=-20 --for 30min --reason "test discharge" --city
    city.yaml
    """
    bounds = {"lo_kw": least_kw, "hi_kw": most_kw}
    if power_kw is not None:
        if least_kw is not None or most_kw is not None:
            raise typer.BadParameter("--power is both bounds at once: give it, or --min and --max")
        bounds = {"lo_kw": power_kw, "hi_kw": power_kw}
    if end and any(value is not None for value in bounds.values()):
        raise typer.BadParameter("--end withdraws what was given: it takes no power")
    if least_kw is not None and most_kw is not None and least_kw > most_kw:
        raise typer.BadParameter(f"--min {least_kw:g} is above --max {most_kw:g}")
    if not end and not reason:
        raise typer.BadParameter("give a --reason: it goes on record")
    if not end and all(value is None for value in bounds.values()):
        raise typer.BadParameter("say what to do: --power, --min or --max")
    lasts_s = seconds(lasts, "--for")
    if lasts_s > LONGEST_OVERRIDE.total_seconds():
        longest = f"{LONGEST_OVERRIDE.total_seconds() / 3600:g}h"
        problem = f"{lasts!r} is too long for an override: at most {longest}"
        raise typer.BadParameter(problem, param_hint="'--for'")
    with faults_as_exits():
        home = directory(city, portfolio)
        if end:
            withdrawing = {
                "verb": "end",
                "scope": scope,
                "who": getpass.getuser(),
                "reason": reason,
            }
            answer = asyncio.run(ask(home, withdrawing))
            typer.echo(f"{unkept(answer)}withdrawn: {', '.join(answer['ended'])}")
            return
        asked = {
            "verb": "override", "scope": scope, "for_s": lasts_s, "reason": reason,
            "owner": getpass.getuser(), **bounds,
        }  # fmt: skip
        answer = asyncio.run(ask(home, asked))
        typer.echo(_said(answer))
        with suppress(VppError):  # it holds, whatever else is not known yet
            listed = asyncio.run(ask(home, {"verb": "devices"}))
            for line in _shut(listed, answer["devices"]):
                errors.print(line, style="yellow")


def _shut(listed: dict[str, Any], devices: list[str]) -> Iterator[str]:
    """Devices of the override that nothing is written to, whatever it says."""
    for row in listed["devices"]:
        if row["device"] in devices and not Authority(row["authority"]).writable:
            yield (
                f"nothing is written to {row['device']} now, its authority is {row['authority']}:"
                " 'vpp device set-authority' changes that"
            )


def _said(answer: dict[str, Any]) -> str:
    """The expiry as a clock in the city shows it, and how to end the override before."""
    until = datetime.fromisoformat(answer["until"])
    lo_kw, hi_kw = answer["range_kw"]
    held = sorted(set(answer["held"].values()))
    beyond = (
        f"{answer['scope']} takes {lo_kw:g} to {hi_kw:g} kW: held at"
        f" {' and '.join(f'{kw:g}' for kw in held)} kW\n"
        if held
        else ""
    )
    return (
        unkept(answer)
        + beyond
        + "".join(f"withdrawn, for it says otherwise: {one}\n" for one in answer["replaced"])
        + (
            f"override {answer['id']} for {answer['scope']} until {until:%a %d %b %H:%M:%S}"
            f" {answer['zone']} ({answer['for_s'] / 60:g} min); withdraw it before with --end"
        )
    )
