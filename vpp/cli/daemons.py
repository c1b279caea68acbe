"""Which running daemon a command speaks to, and what its answers have in common."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vpp.cli.named import city_file
from vpp.config.city import load_city
from vpp.domain.ids import PortfolioId
from vpp.runtime.state_home import place

Portfolio = Annotated[
    str | None, typer.Option("--portfolio", help="Id of the running portfolio, instead of --city.")
]
City = Annotated[
    Path | None,
    typer.Option("--city", help="City file of the running portfolio.", callback=city_file),
]


def directory(city: Path | None, portfolio: str | None) -> Path:
    """State directory of the daemon that is meant; it is the daemon that makes it."""
    if city is not None and portfolio is not None:
        raise typer.BadParameter("--city and --portfolio both name a daemon: give one of them")
    if portfolio is None:
        if city is None:
            raise typer.BadParameter("say which daemon: --city city.yaml or --portfolio ID")
        portfolio = load_city(city).portfolio.id
    return place(PortfolioId(portfolio))


def unkept(answer: dict[str, Any]) -> str:
    """A line of its own where the daemon could not put on disk what it was told."""
    why = answer["unkept"]
    return f"a restart of the daemon will not know of this: {why}\n" if why else ""
