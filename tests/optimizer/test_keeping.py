"""What was learnt outlives its record and its process; the last good fit stays until a better."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from optimizer.forecasting.learned import ModelForecaster
from tests.optimizer.test_learned_forecasts import HOUR_S, NOW, asked, lasting_noise, load, plant
from vpp.domain.arrays import Floats
from vpp.domain.forecast import ForecastRequest, Group

DAYS = 60


def homes(days: int = DAYS) -> Floats:
    """Two loads and a sun, shape (3, hours)."""
    hour = np.arange(days * 24) % 24
    evening = 2.0 + 3.0 * (hour > 16)
    noise = [0.3 * lasting_noise(days * 24, seed) for seed in (1, 2)]
    sun = np.maximum(np.sin((hour - 6) / 12 * np.pi), 0.0) * (1.0 + 0.1 * noise[0])
    return np.stack([evening + noise[0], 2.0 * evening + noise[1], 4.0 * sun])


def request(values: Floats, hours_ago: int = 0, begin: int = 0) -> ForecastRequest:
    """Of everything from the hour ``begin`` on that was known so many hours before now."""
    end = values.shape[1] - hours_ago
    at = NOW - timedelta(hours=hours_ago)
    start = at - timedelta(seconds=HOUR_S * (end - begin))
    first, second, sun = values[:, begin:end]
    bare = {"latitude": 0.0, "longitude": 0.0, "peak_kw": None}
    series = (load(first, "a"), load(second, "b"), plant(sun, "a", **bare))
    group = Group(subject="pool", members=("a", "b"))
    return asked(*(replace(one, start=start) for one in series), at=at, groups=(group,))


def keeping(kept: bytes | None = None) -> ModelForecaster:
    made = ModelForecaster()
    made.take_up(kept)
    return made


def test_what_is_taken_up_foresees_as_what_was_kept() -> None:
    """Also the hours since the fit, which the kept profiles have not seen yet."""
    values = homes()
    first = keeping()
    told = first.forecast(request(values))
    kept = first.learnt()
    assert kept is not None
    assert first.learnt() is None
    again = keeping(kept)
    for one, other in zip(told, again.forecast(request(values)), strict=True):
        np.testing.assert_array_equal(one.values_kw, other.values_kw)
        assert (one.source, one.persistence) == (other.source, other.persistence)
    assert again.learnt() is None


def test_after_the_record_is_lost_the_last_good_fit_still_knows_the_day() -> None:
    values = homes()
    first = keeping()
    first.forecast(request(values, hours_ago=100))
    lost = request(values, begin=values.shape[1] - 50)
    (load_a, *_) = keeping(first.learnt()).forecast(lost)
    assert load_a.source.startswith("model of")
    ahead = [(hour + values.shape[1]) % 24 for hour in range(len(lost.grid))]
    expected = [2.0 + 3.0 * (hour > 16) for hour in ahead]
    np.testing.assert_allclose(load_a.middle_kw, expected, atol=1.0)
    assert not keeping().forecast(lost)[0].source.startswith("model")


def test_what_was_learnt_is_all_there_is_before_anything_is_on_record() -> None:
    values = homes()
    first = keeping()
    first.forecast(request(values))
    told = keeping(first.learnt()).forecast(request(values, begin=values.shape[1]))
    for one in told:
        assert one.source.startswith("model of")
        assert np.isinf(one.input_age_s)
    assert told[1].middle_kw.mean() == pytest.approx(2.0 * told[0].middle_kw.mean(), rel=0.1)


def test_a_history_that_begins_anew_does_not_make_it_forget() -> None:
    """As the daemon gives it: eight weeks, of which only the newest hours hold anything."""
    values = homes()
    first = keeping()
    first.forecast(request(values, hours_ago=9 * 24))
    kept = first.learnt()
    lost = values.copy()
    lost[:, : -3 * 24] = np.nan
    again = keeping(kept)
    assert again.forecast(request(lost))[0].source.startswith("model of")
    assert again.learnt() is None


def test_a_fresh_fit_of_spoilt_weeks_does_not_take_the_place_of_a_good_one() -> None:
    """Weeks in which the meters were swapped, put right in the last one."""
    values = homes()
    spoilt = values.copy()
    spoilt[[0, 1], -40 * 24 : -9 * 24] = values[[1, 0], -40 * 24 : -9 * 24]
    good = keeping()
    good.forecast(request(values, hours_ago=9 * 24))
    kept = good.learnt()
    (stayed, *_), (fresh, *_) = (
        one.forecast(request(spoilt)) for one in (keeping(kept), keeping())
    )
    assert stayed.source < fresh.source
    (healthy, *_) = keeping(kept).forecast(request(values))
    assert healthy.source == fresh.source


def test_another_city_another_step_or_another_season_is_not_foreseen_by_it() -> None:
    values = homes()
    first = keeping()
    first.forecast(request(values))
    kept = first.learnt()
    short = request(values, begin=values.shape[1] - 50)
    renamed = replace(short, series=tuple(replace(one, subject="c") for one in short.series))
    later = replace(
        short,
        issued_at=short.issued_at + timedelta(days=100),
        grid=replace(short.grid, edges_s=short.grid.edges_s + 100 * 86400.0),
        series=tuple(replace(s, start=s.start + timedelta(days=100)) for s in short.series),
    )
    for strange in (replace(renamed, groups=()), later):
        assert not keeping(kept).forecast(strange)[0].source.startswith("model")
    assert keeping(kept).forecast(short)[0].source.startswith("model")


@pytest.mark.parametrize("length", [0, 4, -200], ids=["nothing", "a heading", "cut off"])
def test_what_is_not_whole_is_refused_in_words(length: int) -> None:
    first = keeping()
    first.forecast(request(homes(20)))
    kept = first.learnt()
    assert kept is not None
    with pytest.raises(ValueError, match="damaged"):
        keeping(kept[:length])
