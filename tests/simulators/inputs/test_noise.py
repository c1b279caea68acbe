import numpy as np
import pytest

from simulators.inputs.noise import smooth_normal, streams, uniform

KNOWN = [0.5228616211762884, 0.8958095277951541]
NAMES = [f"site-{number}" for number in range(40)]


def test_any_stretch_can_be_drawn_on_its_own() -> None:
    of = streams(1, "sky", NAMES)
    at_s = np.arange(0, 7200, 60.0) + 1.78e9
    whole = smooth_normal(of, at_s, 420)
    assert np.array_equal(whole[:, 50:70], smooth_normal(of, at_s[50:70], 420))


def test_it_is_standard_normal_and_without_steps() -> None:
    of = streams(1, "sky", NAMES)
    values = smooth_normal(of, np.arange(0, 400_000, 20.0), 600)
    assert values.mean() == pytest.approx(0, abs=0.03)
    assert values.std() == pytest.approx(1, abs=0.03)
    assert np.abs(np.diff(values, axis=1)).max() < 0.5


def test_streams_and_seeds_are_independent() -> None:
    index = np.arange(20_000)
    one, other = uniform(streams(1, "sky", ["a", "b"]), index)
    reseeded = uniform(streams(2, "sky", ["a"]), index)[0]
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(one, reseeded)[0, 1]) < 0.03
    assert one.mean() == pytest.approx(0.5, abs=0.01)
    assert 0 < one.min() < one.max() < 1


def test_streams_are_the_same_on_every_machine() -> None:
    assert uniform(streams(20, "sky", ["a"]), np.arange(2))[0].tolist() == pytest.approx(
        KNOWN, rel=1e-15
    )
