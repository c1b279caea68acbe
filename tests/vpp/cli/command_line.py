"""A command as a person gives it, in this process, and a city file with one mistake."""

from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from vpp.cli.main import app
from vpp.config.examples import example_city


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def vpp(home: dict[str, str], *arguments: object) -> Done:
    result = CliRunner().invoke(app, list(map(str, arguments)), env=home)
    return Done(result.exit_code, result.stdout, result.stderr)


def wrong_city(directory: Path, old: str, new: str) -> Path:
    text = example_city("one-house").read_text()
    assert old in text
    file = directory / "city.yaml"
    file.write_text(text.replace(old, new))
    return file
