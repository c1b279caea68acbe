"""Exit codes that scripts can use, and faults as a person reads them."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from vpp.domain.errors import AlreadyRunning, ConfigurationError, InvariantError, VppError
from vpp.runtime.damage import remedy

OK = 0
FAILED = 1
"""The command was understood and could not be done."""
USAGE = 2
"""The command line itself is wrong: what it asks for contradicts itself, or is not there."""
CONFIGURATION = 3
"""A file is wrong: the city's, a record's, or one that the daemon keeps."""
ALREADY_RUNNING = 4
"""Another daemon controls this portfolio."""
UNSAFE = 5
"""A rating does not hold without the controller, or a device was not made safe."""
INTERRUPTED = 130
"""As a shell says of a command that Ctrl-C ended."""

LEGEND = (
    "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 wrong file (a city's, a record's, a"
    " daemon's), 4 another daemon runs this portfolio, 5 unsafe (a rating does not hold, or a"
    " device was not made safe), 130 interrupted."
)

errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


@contextmanager
def faults_as_exits() -> Iterator[None]:
    """Turn a fault into words on standard error and the exit code of its kind."""
    try:
        yield
    except ConfigurationError as fault:
        for mistake in fault.mistakes:
            say_wrong(str(mistake))
        raise typer.Exit(CONFIGURATION) from fault
    except AlreadyRunning as fault:
        errors.print(f"[bold red]already running:[/] {_plain(str(fault))}")
        raise typer.Exit(ALREADY_RUNNING) from fault
    except VppError as fault:
        errors.print(f"[bold red]failed:[/] {_plain(str(fault))}")
        raise typer.Exit(FAILED) from fault
    except BrokenPipeError:
        raise
    except OSError as fault:
        cure = f"; {known}" if (known := remedy(fault)) else ""
        errors.print(f"[bold red]failed:[/] {_plain(str(fault))}{cure}")
        raise typer.Exit(FAILED) from fault


def say_wrong(mistake: str) -> None:
    """Say what is wrong with a file."""
    errors.print(f"[bold red]wrong:[/] {_plain(mistake)}")


@contextmanager
def as_usage(option: str = "", faults: type[InvariantError] = InvariantError) -> Iterator[None]:
    """What contradicts itself in here was asked for on the command line."""
    try:
        yield
    except faults as error:
        raise typer.BadParameter(str(error), param_hint=repr(option) if option else None) from error


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
