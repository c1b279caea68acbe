"""The contract of adapters, as far as it does not ask a device for a round of its points.

A streaming device is never asked: a hang or a reset shows in ``connected`` and in the age of its
values, not in an exception, and its own tests look for it there. That leaving a link ends whatever
it began is tested there too: here devices and broker have tasks of their own in the same loop.
"""

from collections.abc import AsyncIterator

import pytest

from tests.adapters.mqtt.contract_world import mqtt_world
from tests.contract.test_adapters import (
    link,
    test_a_batch_is_whole_and_read_only,
    test_a_battery_that_was_told_nothing_holds_none,
    test_a_device_other_than_the_configured_one_is_seen_to_be_another,
    test_a_device_says_who_it_is,
    test_a_port_exists_for_every_device_before_it_is_there,
    test_a_refusal_is_told_as_one,
    test_a_round_that_is_cancelled_leaves_no_trace,
    test_a_setpoint_that_has_expired_is_not_sent,
    test_a_write_without_an_answer_is_unknown_and_never_repeated,
    test_nothing_is_written_over_a_connection_that_was_lost,
    test_positive_is_into_the_asset_on_the_way_out_and_back,
    test_zero_and_release_are_told_apart,
)
from tests.contract.world import World

__all__ = [
    "link",
    "test_a_batch_is_whole_and_read_only",
    "test_a_battery_that_was_told_nothing_holds_none",
    "test_a_device_other_than_the_configured_one_is_seen_to_be_another",
    "test_a_device_says_who_it_is",
    "test_a_port_exists_for_every_device_before_it_is_there",
    "test_a_refusal_is_told_as_one",
    "test_a_round_that_is_cancelled_leaves_no_trace",
    "test_a_setpoint_that_has_expired_is_not_sent",
    "test_a_write_without_an_answer_is_unknown_and_never_repeated",
    "test_nothing_is_written_over_a_connection_that_was_lost",
    "test_positive_is_into_the_asset_on_the_way_out_and_back",
    "test_zero_and_release_are_told_apart",
]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with mqtt_world() as opened:
        yield opened
