"""Values are frozen, and named where they are made."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.house import PACKAGES, ROOT

SILENCED = re.compile(r"# (?:noqa|type: ignore)(?!: [A-Z]+\d+ - \w|\[[a-z-, ]+\]  # \w)")


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def test_a_value_that_is_a_tuple_says_why() -> None:
    """Tuples are quick to make, and let their fields be mixed up; all else is a dataclass."""
    silent = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "NamedTuple" for base in node.bases)
        and "A tuple, because " not in (ast.get_docstring(node) or "")
    ]
    assert silent == []


def test_a_silenced_rule_is_named_with_its_reason() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if SILENCED.search(line)
    ]
    assert found == []
