"""What forecasters learn is kept whole, the last few of it, and a damaged file is passed over."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from vpp.domain.forecast import Forecast, ForecastRequest
from vpp.runtime.model_registry import Memory, ModelRegistry

AT = datetime(2026, 7, 1, tzinfo=UTC)


class Pupil:
    """Learns what it is told, and takes up nothing that is empty."""

    def __init__(self) -> None:
        self.taken_up: list[bytes | None] = []
        self.news: bytes | None = None

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        return ()

    def take_up(self, kept: bytes | None) -> None:
        if kept == b"":
            raise ValueError("there is nothing in it")
        self.taken_up.append(kept)

    def learnt(self) -> bytes | None:
        news, self.news = self.news, None
        return news


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "models", "model")


def test_the_newest_comes_first_and_the_oldest_goes(registry: ModelRegistry) -> None:
    assert list(registry.newest()) == []
    files = [registry.add(b"what %d" % number, AT) for number in range(5)]
    assert list(registry.newest()) == [b"what 4", b"what 3", b"what 2"]
    assert [file.exists() for file in files] == [False, False, True, True, True]


def test_a_damaged_file_is_set_aside_and_the_one_before_counts(registry: ModelRegistry) -> None:
    registry.add(b"good", AT)
    for spoilt in (lambda data: data[:-1], lambda data: data + b"!", lambda _: b"no heading"):
        file = registry.add(b"bad", AT)
        file.write_bytes(spoilt(file.read_bytes()))
        assert next(registry.newest()) == b"good"
        assert not file.exists()
        assert list(file.parent.glob(f"{file.stem}.damaged-*"))


def test_what_is_of_another_kind_makes_way(registry: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("no folder")
    file = registry.add(b"good", AT)
    file.with_name("model-000007.model").mkdir()
    assert list(registry.newest()) == [b"good"]
    assert len(list(tmp_path.glob("models.damaged-*"))) == 1


def test_forecasters_do_not_take_up_one_anothers(registry: ModelRegistry, tmp_path: Path) -> None:
    registry.add(b"mine", AT)
    assert list(ModelRegistry(tmp_path / "models", "other").newest()) == []


def test_a_forecaster_goes_on_from_the_newest_that_is_of_use(registry: ModelRegistry) -> None:
    pupil = Pupil()
    registry.add(b"of use", AT)
    registry.add(b"", AT)
    memory = Memory(pupil, registry)
    assert pupil.taken_up == [b"of use"]
    memory.keep()
    assert next(registry.newest()) == b""
    pupil.news = b"news"
    memory.keep()
    assert next(registry.newest()) == b"news"


def test_without_anything_kept_it_begins_from_nothing(registry: ModelRegistry) -> None:
    pupil = Pupil()
    Memory(pupil, registry)
    assert pupil.taken_up == [None]
    alone = Pupil()
    Memory(alone, None).keep()
    assert alone.taken_up == []


def test_a_disk_that_takes_nothing_stops_no_forecast(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be", encoding="utf-8")
    pupil = Pupil()
    memory = Memory(pupil, ModelRegistry(tmp_path / "models", "model"))
    pupil.news = b"news"
    memory.keep()
    assert pupil.taken_up == [None]
