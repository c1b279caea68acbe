"""The adapter against mosquitto: broker restarts, refusals, takeovers, passwords and TLS."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from structlog.testing import capture_logs

from adapters.mqtt.factory import open_link
from tests.adapters.mqtt.brokers import Mosquitto, mosquitto
from tests.adapters.mqtt.cities import HUB, command, request
from tests.adapters.mqtt.stations import Station, now_text, running
from tests.adapters.mqtt.waiting import collecting, until
from vpp.domain.device_alarm import DeviceAlarm
from vpp.domain.errors import ConnectionLost, NoAnswer
from vpp.runtime.clocks import CityClock, WireClock

CITY = CityClock(WireClock())
DYNAMIC_SECURITY = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)
pytestmark = pytest.mark.needs("mosquitto", "mosquitto")


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with mosquitto(tmp_path) as broker:
        yield broker


async def test_telemetry_in_and_a_command_out(broker: Mosquitto) -> None:
    async with (
        open_link(request(broker.port, city=CITY)) as link,
        running(Station(broker.port)) as station,
        collecting(link.port(HUB)) as batches,
    ):
        await until(lambda: link.port(HUB).connected)
        await station.telemetry(5.5)
        answer = await link.port(HUB).send(command(CITY))
        await until(lambda: bool(batches))
    assert answer.echoed
    assert batches[0].values[0] == 5.5


async def test_after_a_restart_of_the_broker_everything_is_subscribed_again(
    broker: Mosquitto,
) -> None:
    with capture_logs() as logs:
        async with (
            open_link(request(broker.port, city=CITY)) as link,
            running(Station(broker.port)) as station,
            collecting(link.port(HUB)) as batches,
        ):
            port = link.port(HUB)
            await until(lambda: port.connected)
            await broker.stop(signal.SIGKILL)
            await until(lambda: not port.connected and link.counters.failures > 0)
            await broker.start()
            await until(lambda: port.connected, within_s=30)
            assert (await port.identify()).serial == "DL-101"
            await station.telemetry(4.4)
            await station.say("session", {"ts": now_text(), "assets": {"cp1": {"plugged": False}}})
            await station.say("alarm", {"id": "door", "severity": "info", "active": True})
            assert (await port.send(command(CITY))).echoed
            await until(lambda: len(batches) == 3)
    events = [one["event"] for one in logs]
    assert [event for event in events if event.startswith("broker")] == [
        "broker lost", "broker back",
    ]  # fmt: skip
    assert [one.alarms for one in batches if not one.points and not one.sessions] == [
        (DeviceAlarm(id="door", severity="info", text=""),)
    ]


@pytest.mark.parametrize("frozen", [False, True], ids=["while it is away", "while it hangs"])
async def test_no_old_setpoint_is_delivered_after_a_reconnection(
    broker: Mosquitto, *, frozen: bool
) -> None:
    async with (
        open_link(request(broker.port, city=CITY)) as link,
        running(Station(broker.port)) as station,
    ):
        port = link.port(HUB)
        await until(lambda: port.connected)
        if frozen:
            broker.freeze()
        else:
            await broker.stop(signal.SIGKILL)
        with pytest.raises((NoAnswer, ConnectionLost)):
            await port.send(command(CITY, command_id="stale", seq=1))
        await broker.stop(signal.SIGKILL)
        await broker.start()
        await until(lambda: port.connected, within_s=30)
        await port.send(command(CITY, command_id="fresh", seq=2))
        await asyncio.sleep(0.5)
    assert [told["id"] for told, _ in station.received] == ["fresh"]


async def test_a_broker_that_does_not_acknowledge_is_left(broker: Mosquitto) -> None:
    async with (
        open_link(request(broker.port, city=CITY, options={"timeout_s": 0.5})) as link,
        running(Station(broker.port)),
    ):
        port = link.port(HUB)
        await until(lambda: port.connected)
        broker.freeze()
        with pytest.raises(NoAnswer, match="did not acknowledge"):
            await port.send(command(CITY))
        await until(lambda: link.counters.losses == 1)


async def test_a_publication_that_the_broker_swallows_ends_in_no_answer(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite vpp/1/#\ntopic deny vpp/1/mall/hub-1/cmd\n")
    acl.chmod(0o600)
    async with (
        mosquitto(tmp_path, f"allow_anonymous true\nacl_file {acl}") as broker,
        open_link(request(broker.port, city=CITY)) as link,
        running(Station(broker.port)) as station,
    ):
        await until(lambda: link.port(HUB).connected)
        with pytest.raises(NoAnswer):
            await link.port(HUB).send(command(CITY))
        assert station.received == []


@pytest.mark.skipif(DYNAMIC_SECURITY is None, reason="mosquitto came without its security plugin")
async def test_a_refused_subscription_is_an_error_with_its_topic(tmp_path: Path) -> None:
    topic = "vpp/1/mall/hub-1/telemetry"
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(everything_but_subscribing_to(topic)))
    rules.chmod(0o600)
    settings = f"allow_anonymous true\nplugin {DYNAMIC_SECURITY}\nplugin_opt_config_file {rules}"
    with capture_logs() as logs:
        async with (
            mosquitto(tmp_path, settings) as broker,
            open_link(request(broker.port, city=CITY)) as link,
            running(Station(broker.port)),
        ):
            port = link.port(HUB)
            await until(lambda: port.counters.received >= 2)
            assert not port.connected
            with pytest.raises(ConnectionLost, match=f"refuses us {topic}"):
                await port.identify()
            with pytest.raises(ConnectionLost, match=f"not sent: .*{topic}"):
                await port.send(command(CITY))
    refused = [one for one in logs if one["event"] == "subscriptions refused"]
    assert [(one["log_level"], one["topics"]) for one in refused] == [("error", (topic,))]


def everything_but_subscribing_to(topic: str) -> dict[str, Any]:
    kinds = "publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"
    refusal = {"acltype": "subscribeLiteral", "topic": topic, "priority": 1, "allow": False}
    return {
        "defaultACLAccess": dict.fromkeys(kinds, True),
        "clients": [],
        "groups": [{"groupname": "all", "roles": [{"rolename": "most"}], "clients": []}],
        "roles": [{"rolename": "most", "acls": [refusal]}],
        "anonymousGroup": "all",
    }


async def test_a_command_without_answer_is_published_exactly_once(broker: Mosquitto) -> None:
    async with (
        open_link(request(broker.port, city=CITY)) as link,
        running(Station(broker.port)) as station,
    ):
        station.answer = lambda told: None
        await until(lambda: link.port(HUB).connected)
        with pytest.raises(NoAnswer):
            await link.port(HUB).send(command(CITY))
        await asyncio.sleep(1.0)
    assert len(station.received) == 1
    assert not station.received[0][1]


async def test_two_daemons_with_one_client_id_do_not_fight_for_ever(broker: Mosquitto) -> None:
    with capture_logs() as logs:
        async with open_link(request(broker.port, city=CITY)) as first:
            await until(lambda: first.counters.connections == 1)
            async with open_link(request(broker.port, city=CITY)) as second:
                await until(lambda: first.conflict or second.conflict, within_s=30)
                loser, winner = (first, second) if first.conflict else (second, first)
                await until(lambda: winner.counters.connections > winner.counters.losses)
                connections = winner.counters.connections + loser.counters.connections
                await asyncio.sleep(1.5)
                assert winner.counters.connections + loser.counters.connections == connections
                assert not winner.conflict
                assert "another client uses the id" in loser.port(HUB).trouble
                with pytest.raises(ConnectionLost, match="another client uses the id"):
                    await loser.port(HUB).send(command(CITY))
    assert [one["log_level"] for one in logs if one["event"] == "client id conflict"] == ["error"]


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    """The broker's file: who is called daemon knows s3cret."""
    file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(file), "daemon", "s3cret"], check=True)
    file.chmod(0o600)
    return file


async def test_a_password_file_opens_the_door(tmp_path: Path, passwords: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    settings = f"allow_anonymous false\npassword_file {passwords}"
    named = {"username": "daemon", "password_file": str(secret)}
    async with mosquitto(tmp_path, settings) as broker:
        async with open_link(request(broker.port, city=CITY, options=named)) as link:
            await until(lambda: link.counters.connections == 1)
        async with open_link(request(broker.port, city=CITY)) as link:
            await until(lambda: link.counters.failures >= 1)
            with pytest.raises(ConnectionLost, match=r"(?i)not authorized"):
                await link.port(HUB).identify()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """An authority, a server for 127.0.0.1 and a client, valid for a day."""
    folder = tmp_path / "tls"
    folder.mkdir()

    def openssl(words: str) -> None:
        subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)

    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    openssl(f"req -x509 {key} -keyout ca.key -out ca.pem -days 1 -subj /CN=authority")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    sign = "x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile names"
    for name in ("server", "client"):
        openssl(f"req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}")
        openssl(f"{sign} -in {name}.csr -out {name}.pem")
    return folder


@pytest.mark.needs("openssl", "openssl")
async def test_tls_with_client_certificates(tmp_path: Path, certificates: Path) -> None:
    settings = "\n".join((
        "allow_anonymous true", "require_certificate true", f"cafile {certificates / 'ca.pem'}",
        f"certfile {certificates / 'server.pem'}", f"keyfile {certificates / 'server.key'}",
    ))  # fmt: skip
    trust = {"ca": str(certificates / "ca.pem")}
    mine = {"cert": str(certificates / "client.pem"), "key": str(certificates / "client.key")}
    async with mosquitto(tmp_path, settings) as broker:
        async with open_link(request(broker.port, city=CITY, options=trust | mine)) as link:
            await until(lambda: link.counters.connections == 1)
        for options, why in ((trust, "without a certificate"), (mine, "an unknown authority")):
            async with open_link(request(broker.port, city=CITY, options=options)) as link:
                await until(lambda: link.counters.failures >= 1)
                assert link.counters.connections == 0, why


async def test_the_library_still_has_the_trap_that_new_client_objects_avoid(
    broker: Mosquitto,
) -> None:
    """A QoS 1 message that raised is delivered when the same object connects again."""
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="watch") as watch:
        await watch.subscribe("trap", qos=1)
        client = aiomqtt.Client("127.0.0.1", broker.port, identifier="same", timeout=1)
        async with client:
            pass
        with pytest.raises(aiomqtt.MqttError):
            await client.publish("trap", b"stale", qos=1)
        async with client, asyncio.timeout(5):
            message = await anext(aiter(watch.messages))
    assert message.payload == b"stale"
