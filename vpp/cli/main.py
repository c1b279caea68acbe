"""The command line: ``vpp --help`` teaches."""

from vpp.cli.interrupts import ending_at_once

with ending_at_once():
    import typer

    from vpp.cli import (
        audit,
        backtest,
        check,
        demo,
        device,
        explain,
        forecast,
        override,
        plan,
        run,
        score,
        version,
    )
    from vpp.cli.exits import LEGEND

app = typer.Typer(
    name="vpp",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run a city's batteries, chargers and rooftop sun as one power plant.",
    epilog=f"{LEGEND} Start with: vpp demo.",
)
app.command()(demo.demo)
app.command()(run.run)
app.command()(check.check)
app.command()(plan.plan)
app.command()(explain.explain)
app.command()(score.score)
app.command()(backtest.backtest)
app.command()(override.override)
app.command()(version.version)
app.add_typer(forecast.app, name="forecast")
app.add_typer(device.app, name="device")
app.add_typer(audit.app, name="audit")


def main() -> None:
    """Entry point of the ``vpp`` script."""
    app()
