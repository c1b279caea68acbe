"""YAML text: what scalars mean, where nodes stand, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain.text import TextTree, read_text, text_path

TEXT = """\
# a comment
top: 1
list:
  - first
  - key: value
    deep:
      deeper: [a, b]
"""


def tree(text: str) -> TextTree:
    return read_text(text, "file.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("true", True),
        ("False", False),
        ("12:30", "12:30"),
        ("1:20:30", "1:20:30"),
        ("007", "007"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("2026-06-01", "2026-06-01"),
        ('"12"', "12"),
        ("!!str 12", "12"),
        ("~", None),
        ("null", None),
        ("", None),
        ("99999999999999999999999", 1e23),
    ],
)
def test_a_scalar_means_what_it_looks_like(text: str, value: object) -> None:
    read = tree(f"key: {text}\n")
    assert read.mistakes == ()
    assert read.value == {"key": value}
    assert type(read.value["key"]) is type(value)


def test_keys_are_text_whatever_they_look_like() -> None:
    assert tree("on: 1\n2: 3\nnull: 4\n").value == {"on": 1, "2": 3, "null": 4}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("top", 2),
        ("list", 3),
        ("list[0]", 4),
        ("list[1].key", 5),
        ("list[1].deep.deeper[1]", 7),
        ("list[1].deep.missing", 6),
        ("list[1].missing.more[3]", 5),
        ("list[7]", 3),
        ("missing", 2),
        ("", 2),
    ],
)
def test_a_path_is_located_at_its_line_or_at_what_is_above_it(path: str, line: int) -> None:
    assert tree(TEXT).locate(path) == line


def test_a_path_may_be_given_as_keys_and_positions() -> None:
    assert text_path(("list", 1, "deep")) == "list[1].deep"
    assert tree(TEXT).locate(("list", 1, "deep")) == 6


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "stands here twice, first on line 1"),
        ("a:\n  - b: 1\n    b: 2\n", 3, "first on line 2"),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        ("a: [1\n", 1, "not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: &x [*x]\n", 1, "refers to itself"),
        ("<<: {a: 1}\n", 1, "does not merge"),
        ("? [a]\n: b\n", 1, "plain text"),
        ("a: !!python/object:os.system x\n", 1, "tag"),
        ("a: !!int x\n", 1, "not of the kind"),
        ("a:\n  - b\n  - \x00\n", 3, "not YAML"),
        ("[" * 100 + "]" * 100, 1, "nested"),
        ("[" * 100_000, 1, "nest"),
        ("a: \ud800", 1, "not YAML"),
    ],
)
def test_what_is_wrong_with_a_text_has_a_line(text: str, line: int, problem: str) -> None:
    (mistake,) = tree(text).mistakes
    assert (mistake.file, mistake.line) == ("file.yaml", line)
    assert problem in mistake.problem


def test_an_alias_repeats_what_it_names() -> None:
    assert tree("a: &x [1, 2]\nb: *x\n").value == {"a": [1, 2], "b": [1, 2]}


def test_aliases_cannot_blow_a_small_file_up() -> None:
    rows = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    text = "\n".join(rows)
    read = tree(text)
    (mistake,) = read.mistakes
    assert "repeated" in mistake.problem
    assert len(read.lines) < 200 * len(text)


@given(text=st.text())
def test_no_text_raises(text: str) -> None:
    read = tree(text)
    assert read.mistakes or read.value is None or read.locate("") is not None


@pytest.mark.parametrize(
    "text", ["a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n", "a:\n  - b\n \t - c: d: e\n"]
)
def test_a_tab_in_the_indentation_is_named_as_one(text: str) -> None:
    (mistake,) = tree(text).mistakes
    assert mistake.remedy == "a tab indents the line: YAML wants spaces"


def test_a_tab_elsewhere_is_not_blamed() -> None:
    assert tree("a:\tb\n").mistakes == ()
    (mistake,) = tree("a:\tb: c\n").mistakes
    assert mistake.remedy == ""
