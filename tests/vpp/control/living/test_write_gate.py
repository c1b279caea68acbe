import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.vpp.control.living.fakes import FakeAudit
from tests.vpp.control.living.gates import D1, GateRig, gate_rig
from tests.vpp.control.living.small_city import battery_facts, decide
from tests.vpp.control.living.telling import now, rule_of, tell
from vpp.domain.audit import Event
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId
from vpp.domain.outcome import Outcome
from vpp.domain.setpoint import Setpoint

pytestmark = pytest.mark.virtual_time


async def test_a_command_leaves_after_its_intent_is_on_disk() -> None:
    async with gate_rig(audit=FakeAudit(delay_s=0.5)) as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(0.4)
        assert made.sent_kw == []
        await asyncio.sleep(0.3)
        assert made.sent_kw == [5.0]
    intent = made.audit.of(Event.INTENT)[0]
    assert (intent.lo_kw, intent.epoch, intent.late) == (5.0, 7, False)
    assert intent.command == made.port.written[0][1].id
    assert made.outcomes == [Outcome.ACCEPTED]


@pytest.mark.parametrize("authority", [one for one in Authority if not one.writable], ids=str)
async def test_only_auto_and_manual_are_written(authority: Authority) -> None:
    async with gate_rig() as made:
        made.authority[D1] = authority
        assert await made.rule_for(tell(5.0)) == "authority"
        await asyncio.sleep(5)
        made.authority[D1] = Authority.MANUAL
        made.gate.submit(tell(4.0))
        await asyncio.sleep(5)
    assert made.sent_kw == [4.0]


async def test_a_shadow_passes_every_rule_and_is_neither_queued_nor_counted() -> None:
    async with gate_rig() as made:
        made.authority[D1] = Authority.SHADOW
        command, refused = made.gate.rehearse(tell(5.0))
        assert (command.id, refused) == ("shadow-7-1", None)
        assert rule_of(made.gate.rehearse(tell(10.5))[1]) == "capability"
        await asyncio.sleep(5)
        assert made.port.written == []
        assert made.told == []
        assert made.audit.records == []
        made.authority[D1] = Authority.AUTO
        made.gate.submit(tell(4.0))
        await asyncio.sleep(1)
    assert [command.id for _, command in made.port.written] == ["7-1"]


@pytest.mark.parametrize("authority", [Authority.OBSERVE, Authority.LOCAL], ids=str)
async def test_only_a_shadow_is_rehearsed(authority: Authority) -> None:
    async with gate_rig() as made:
        made.authority[D1] = authority
        assert rule_of(made.gate.rehearse(tell(5.0))[1]) == "authority"


async def test_an_unidentified_device_is_not_written() -> None:
    async with gate_rig(known=False) as made:
        assert await made.rule_for(tell(5.0)) == "identified"


async def test_a_device_that_was_not_read_back_is_not_written() -> None:
    async with gate_rig(known=False) as made:
        made.table.answers(D1)
        assert await made.rule_for(tell(5.0)) == "read_back"


@pytest.mark.parametrize(("life_s", "rule"), [(9.0, "life"), (901.0, "life"), (10.0, None)])
async def test_a_life_is_ten_seconds_to_a_quarter_of_an_hour(life_s: float, rule: str) -> None:
    async with gate_rig() as made:
        assert await made.rule_for(decide(1.0, now_s=now(), life_s=life_s)) == rule


@pytest.mark.parametrize("power_kw", [10.5, -10.5])
async def test_power_outside_the_allowed_set_is_refused(power_kw: float) -> None:
    async with gate_rig() as made:
        assert await made.rule_for(tell(power_kw)) == "capability"


async def test_a_form_that_the_asset_does_not_know_is_refused() -> None:
    async with gate_rig(facts=battery_facts(forms=frozenset({Form.STOP}))) as made:
        assert await made.rule_for(tell(1.0)) == "capability"


async def test_an_asset_that_another_device_writes_is_refused() -> None:
    async with gate_rig() as made:
        stray = replace(tell(1.0), asset=AssetId("b9"))
        setpoint = replace(stray.setpoint, asset=AssetId("b9"))
        assert await made.rule_for(replace(stray, setpoint=setpoint)) == "writer"


async def test_without_a_certain_lease_nothing_leaves_not_even_what_was_queued() -> None:
    async with gate_rig(audit=FakeAudit(delay_s=2.0)) as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(1)
        made.lease.until_s = now() + 0.1  # less than the time-out of a write
        assert await made.rule_for(tell(5.0)) == "lease"
        await asyncio.sleep(5)
        assert made.port.written == []
    assert made.outcomes == [Outcome.REFUSED, Outcome.REFUSED]


async def test_what_would_be_refused_does_not_displace_what_waits() -> None:
    async with gate_rig() as made:
        for power_kw in (5.0, 4.0):
            made.gate.submit(tell(power_kw))
            await asyncio.sleep(1)
        assert await made.rule_for(tell(11.0)) == "capability"
        await asyncio.sleep(10)
    assert made.sent_kw == [5.0, 4.0]


async def test_a_command_that_waited_past_its_expiry_does_not_leave() -> None:
    async with gate_rig(audit=FakeAudit(delay_s=12.0)) as made:
        made.gate.submit(decide(5.0, now_s=now(), life_s=10.0))
        await asyncio.sleep(20)
    assert made.port.written == []
    assert made.outcomes == [Outcome.EXPIRED]


async def test_authority_that_ends_while_a_command_waits_holds_it_back() -> None:
    async with gate_rig(audit=FakeAudit(delay_s=2.0)) as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(1)
        made.authority[D1] = Authority.OBSERVE
        await asyncio.sleep(5)
    assert made.port.written == []


async def test_writes_of_a_day_are_counted_but_protections_are_not_held_back() -> None:
    async with gate_rig(facts=battery_facts(writes_per_day=1)) as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(10)
        assert await made.rule_for(tell(4.0)) == "budget"
        made.gate.submit(tell(0.0, WriteClass.PROTECTION))
        await asyncio.sleep(1)
    assert made.sent_kw == [5.0, 0.0]


async def test_a_stored_register_is_never_refreshed() -> None:
    async with gate_rig(facts=battery_facts(refresh_s=None)) as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(10)
        made.gate.completed(frozenset({D1}))
        assert await made.rule_for(tell(5.0, WriteClass.REFRESH)) == "stored"


async def test_a_refresh_needs_a_tick_that_just_decided_the_device() -> None:
    async with gate_rig() as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(10)
        assert await made.rule_for(tell(5.0, WriteClass.REFRESH)) == "undecided"
        made.gate.completed(frozenset({D1}))
        made.gate.submit(tell(5.0, WriteClass.REFRESH))
        await asyncio.sleep(10)
        assert await made.rule_for(tell(5.0, WriteClass.REFRESH)) == "undecided"


async def test_a_refresh_is_covered_by_its_commands_record() -> None:
    async with gate_rig() as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(10)
        made.gate.completed(frozenset({D1}))
        made.gate.submit(tell(5.0, WriteClass.REFRESH))
        await asyncio.sleep(1)
    assert len(made.audit.of(Event.INTENT)) == 1
    first, second = (command for _, command in made.port.written)
    assert first.id == second.id
    assert second.setpoint.expires_s == first.setpoint.expires_s + 10.0


async def test_a_refresh_of_what_no_record_covers_is_a_command() -> None:
    async with gate_rig() as made:
        made.gate.submit(tell(5.0, WriteClass.REFRESH))
        await asyncio.sleep(1)
    assert len(made.audit.of(Event.INTENT)) == 1
    assert made.port.written[0][1].write_class is WriteClass.COMMAND


async def test_a_command_does_not_go_without_its_record() -> None:
    async with gate_rig(audit=FakeAudit(broken=True)) as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(5)
    assert made.port.written == []
    assert made.outcomes == [Outcome.REFUSED]


@pytest.mark.parametrize("audit", [FakeAudit(delay_s=5.0), FakeAudit(broken=True)])
async def test_a_protection_waits_100_ms_for_the_disk_then_goes_and_is_late(
    audit: FakeAudit,
) -> None:
    async with gate_rig(audit=audit) as made:
        made.gate.submit(tell(0.0, WriteClass.PROTECTION))
        await asyncio.sleep(1)
        assert made.port.written[0][0] <= 0.11
        late = [record for record in made.audit.of(Event.INTENT) if record.late]
        assert [record.command for record in late] == [made.port.written[0][1].id]


async def test_a_protection_overtakes_a_command_that_waits_for_the_disk() -> None:
    async with gate_rig(audit=FakeAudit(delay_s=5.0)) as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(1)
        made.gate.submit(tell(0.0, WriteClass.PROTECTION))
        await asyncio.sleep(10)
    assert made.sent_kw == [0.0]
    assert made.outcomes == [Outcome.SUPERSEDED, Outcome.ACCEPTED]


async def test_a_disk_slower_than_the_decisions_change_does_not_silence_a_device() -> None:
    async with gate_rig(audit=FakeAudit(delay_s=5.0)) as made:
        for second in range(60):
            made.gate.submit(tell(second % 7 + 1.0))
            await asyncio.sleep(1)
        await asyncio.sleep(20)
    ages_s = [at_s - command.issued_s for at_s, command in made.port.written]
    assert len(ages_s) >= 6, "one in an interval and a record"
    assert max(ages_s) < 7.0, "the newest of its turn, and a record old"
    assert made.sent_kw[-1] == 59 % 7 + 1
    assert set(made.outcomes) == {Outcome.ACCEPTED, Outcome.SUPERSEDED}


async def test_the_newest_of_what_waits_wins_and_one_is_in_flight() -> None:
    async with gate_rig() as made:
        for power_kw in (1.0, 2.0, 3.0):
            made.gate.submit(tell(power_kw))
            await asyncio.sleep(0.01)
        await asyncio.sleep(20)
    assert made.sent_kw == [1.0, 3.0]
    assert made.port.most_in_flight == 1
    assert made.outcomes == [Outcome.ACCEPTED, Outcome.SUPERSEDED, Outcome.ACCEPTED]
    gap_s = made.port.written[1][0] - made.port.written[0][0]
    assert gap_s >= 5.0  # at most one write in five seconds


async def test_assets_of_one_device_are_written_one_after_the_other() -> None:
    async with gate_rig(assets=("b1", "b2", "b3")) as made:
        for _ in range(2):
            for name in ("b1", "b2", "b3"):
                made.gate.submit(decide(1.0, asset=name, now_s=now()))
            await asyncio.sleep(0.01)
        await asyncio.sleep(20)
    assert [command.setpoint.asset for _, command in made.port.written] == ["b1", "b2", "b3", "b1"]
    times_s = [at_s for at_s, _ in made.port.written]
    assert min(later - sooner for sooner, later in pairwise(times_s)) >= 5.0


async def test_a_refresh_of_what_still_waits_lends_it_its_life_and_place_in_line() -> None:
    async with gate_rig() as made:
        for power_kw in (1.0, 2.0):
            made.gate.submit(tell(power_kw))
            await asyncio.sleep(0.01)
        await asyncio.sleep(2)
        refresh = tell(2.0, WriteClass.REFRESH)
        made.gate.submit(refresh)
        await asyncio.sleep(10)
    first, second = (command for _, command in made.port.written)
    assert second.setpoint.expires_s == refresh.setpoint.expires_s
    assert second.valid_s == pytest.approx(first.valid_s)
    assert second.seq == first.seq + 2


async def test_a_protection_does_not_wait_for_the_write_interval() -> None:
    async with gate_rig() as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(0.5)
        made.gate.submit(tell(0.0, WriteClass.PROTECTION))
        await asyncio.sleep(0.5)
    assert made.sent_kw == [5.0, 0.0]


async def unanswered(made: GateRig) -> list[Outcome]:
    made.gate.submit(tell(5.0))
    await asyncio.sleep(60)
    return made.outcomes


async def test_an_unanswered_write_is_not_repeated_and_its_outcome_unknown() -> None:
    async with gate_rig() as made:
        made.port.mute_after_write = True
        assert await unanswered(made) == [Outcome.UNKNOWN]
        assert made.sent_kw == [5.0]


async def test_a_hung_adapter_is_given_up_and_the_next_command_goes() -> None:
    async with gate_rig() as made:
        made.port.writes_hang = True
        assert await unanswered(made) == [Outcome.UNKNOWN]
        made.port.writes_hang = False
        made.gate.submit(tell(4.0))
        await asyncio.sleep(1)
        assert made.sent_kw == [5.0, 4.0]


async def test_a_refusal_of_the_device_is_told_with_its_words() -> None:
    async with gate_rig() as made:
        made.port.refuses = True
        assert await unanswered(made) == [Outcome.REFUSED]
        assert made.told[0].detail == "illegal data value"
        assert made.told[0].recorded


async def test_a_write_cut_off_by_the_end_is_unknown() -> None:
    async with gate_rig() as made:
        made.port.writes_hang = True
        made.gate.submit(tell(5.0))
        await asyncio.sleep(0.1)
    assert made.outcomes == [Outcome.UNKNOWN]


async def test_after_closing_only_the_way_out_writes() -> None:
    async with gate_rig(audit=FakeAudit(delay_s=1.0)) as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(0.1)
        made.gate.close()
        assert await made.rule_for(tell(4.0)) == "closing"
        stop = Setpoint(
            asset=AssetId("b1"), form=Form.STOP, expires_s=now() + 60, owner="daemon", reason="end"
        )
        last = replace(tell(0.0, WriteClass.PROTECTION), setpoint=stop)
        assert (await made.gate.carry(last)).outcome is Outcome.ACCEPTED
        await asyncio.sleep(5)
    assert [command.setpoint.form for _, command in made.port.written] == [Form.STOP]


async def test_refusals_are_on_record_once_until_something_leaves() -> None:
    async with gate_rig() as made:
        for _ in range(5):
            assert await made.rule_for(tell(11.0)) == "capability"
        made.gate.submit(tell(5.0))
        await asyncio.sleep(10)
        assert await made.rule_for(tell(11.0)) == "capability"
    assert len(made.audit.of(Event.GATE_REFUSED)) == 2
    assert made.gate.ledger.refusals == {"capability": 6}
