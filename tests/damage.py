"""Damage to a city file: its tree with parts taken out, misplaced or replaced, and its bytes."""

import copy
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import yaml
from hypothesis import strategies as st

Path = tuple[str | int, ...]
ODD: tuple[object, ...] = (
    None, True, 0, -1, 1, 2, 1e9, -1e-9, 1e308, float("inf"), float("nan"), 10**30, "", " ", "x",
    "nan", "1", "[red]", "house", "true", "{}", [], {}, [None], {"id": None}, {"x": {"y": []}},
    date(2026, 7, 15),
)  # fmt: skip


def damaged_files(text: str) -> st.SearchStrategy[bytes]:
    """The file with one to three parts damaged, or with a run of its bytes replaced."""
    tree = yaml.safe_load(text)
    return damaged_trees(tree).map(_written) | damaged_bytes(text.encode())


@st.composite
def damaged_trees(draw: st.DrawFn, tree: Any) -> Any:
    """A copy of the tree in which one to three places hold something else, or nothing."""
    damaged = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(damaged))
        if not places:
            break
        path = draw(st.sampled_from(places))
        if draw(st.booleans()):
            other = st.sampled_from(places).map(lambda at: copy.deepcopy(_at(damaged, at)))
            _put(damaged, path, draw(st.sampled_from(ODD) | other))
        else:
            del _at(damaged, path[:-1])[path[-1]]
    return damaged


@st.composite
def damaged_bytes(draw: st.DrawFn, whole: bytes) -> bytes:
    start, length = draw(st.integers(0, len(whole))), draw(st.integers(0, 40))
    return whole[:start] + draw(st.binary(max_size=12)) + whole[start + length :]


def _places(tree: Any, at: Path = ()) -> Iterator[Path]:
    inside: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(tree, Mapping):
        inside = iter(tree.items())
    elif isinstance(tree, list):
        inside = iter(enumerate(tree))
    for key, value in inside:
        yield (*at, key)
        yield from _places(value, (*at, key))


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _put(tree: Any, path: Path, value: object) -> None:
    _at(tree, path[:-1])[path[-1]] = copy.deepcopy(value)


def _written(tree: Any) -> bytes:
    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode()
