from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain.devices import Identity
from vpp.domain.errors import InvariantError
from vpp.domain.plain_words import LONGEST, legible, plain


def harmless(said: str) -> bool:
    return all(c.isprintable() or category(c) == "Zs" for c in said)


@given(st.text(max_size=300))
def test_what_passes_is_short_and_can_be_shown(said: str) -> None:
    try:
        assert plain(said, "reason") == said
    except InvariantError:
        assert len(said) > LONGEST or not harmless(said)
    else:
        assert len(said) <= LONGEST
        assert harmless(said)


@given(st.text())
def test_what_a_device_says_of_itself_steers_no_terminal(said: str) -> None:
    told = Identity(maker=said, version=said)
    assert told.maker == told.version == legible(said)
    assert harmless(told.maker)
    assert Identity(maker=told.maker).maker == told.maker


def test_plain_words_of_any_language_stay_as_they_are() -> None:
    for said in ("시험 방전, 20 kW", "Prüfung: 3 – 4 °C", "全角\u3000空白", ""):
        assert plain(said, "reason") == legible(said) == said
    with pytest.raises(InvariantError, match="reason has the character"):
        plain("\u202e", "reason")
