import gc

from vpp.runtime.collector import settled


def test_what_exists_is_left_alone_until_the_end() -> None:
    before = gc.get_freeze_count()
    with settled():
        assert gc.get_freeze_count() > before
    assert gc.get_freeze_count() == 0
