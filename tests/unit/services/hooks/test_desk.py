"""A webhook from request to notice: who is let in, what is stored under which key, and what the sender is told."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from botkit.config.hooks import HookConfig
from botkit.errors import OutboxFull, StoreError
from botkit.model.actions import Notice, Sent
from botkit.model.address import Address
from botkit.model.hooks import HookAnswer, HookRequest
from botkit.model.messages import MessageId
from botkit.services.hooks.desk import HookDesk, Opened
from tests.unit.services.hooks import payloads as p

TEAM = "team@rooms.example.org"
SECRET = "s3cr3t-w0rd"


class Outbox:
    """Keeps notices by key, as the real one does. ``problem`` is raised by each."""

    def __init__(self) -> None:
        self.kept: dict[str, Notice] = {}
        self.problem: Exception | None = None

    async def perform(self, action: Any) -> Sent:
        if self.problem is not None:
            raise self.problem
        assert isinstance(action, Notice)
        assert action.key is not None
        self.kept.setdefault(action.key, action)
        return Sent(MessageId(f"m{list(self.kept).index(action.key)}"))

    def texts(self) -> list[str]:
        return [notice.text.splitlines()[0] for notice in self.kept.values()]


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 9, 9, 50, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


class World:
    """One desk, with hooks as they are asked for."""

    def __init__(self) -> None:
        self.outbox, self.clock = Outbox(), Clock()
        self.desk = HookDesk(self.outbox.perform, self.clock)

    def open(self, **config: Any) -> None:
        given: dict[str, Any] = {"format": "github", "secret": SECRET, "rooms": [TEAM]}
        self.desk.take((Opened("hook", HookConfig.model_validate(given | config), SECRET),))

    async def send(self, payload: object, headers: dict[str, str] | None = None, **more: Any) -> HookAnswer:
        hook = self.desk.get("hook")
        assert hook is not None
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return hook.count(await hook.take(HookRequest(headers=headers or {}, body=body, **more)))

    async def github(self, payload: object, event: str = "push", **headers: str) -> HookAnswer:
        body = json.dumps(payload).encode()
        signed = {"x-github-event": event, "x-hub-signature-256": f"sha256={signature(body)}"}
        return await self.send(body, signed | {name.replace("_", "-"): value for name, value in headers.items()})


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def world() -> World:
    return World()


async def test_a_signed_request_becomes_one_notice_for_each_place(world: World) -> None:
    world.open(people=["you@example.org"], expires="1h")
    answer = await world.github(p.push())
    assert (answer.status, answer.ids) == (202, ("m0", "m1"))
    room, person = world.outbox.kept.values()
    assert (room.to, room.groupchat) == (Address.parse(TEAM), True)
    assert (person.to, person.groupchat) == (Address.parse("you@example.org"), False)
    assert room.expires == world.clock.now() + timedelta(hours=1)
    assert world.desk.answers == {("hook", "stored"): 1}


Signer = Callable[[bytes], dict[str, str]]
PROOFS: dict[str, Signer] = {
    "github": lambda body: {"x-hub-signature-256": f"sha256={signature(body)}", "x-github-event": "push"},
    "gitea": lambda body: {"x-gitea-signature": signature(body), "x-gitea-event": "push"},
    "gitlab": lambda _body: {"x-gitlab-token": SECRET},
    "alertmanager": lambda _body: {"authorization": f"Bearer {SECRET}"},
    "grafana": lambda body: {"x-grafana-alerting-signature": signature(body)},
    "json": lambda body: {"x-signature": signature(body)},
}
BODIES = {
    "github": p.push(),
    "gitea": p.GITEA_PUSH,
    "gitlab": p.GITLAB_PUSH,
    "alertmanager": p.alertmanager(),
    "grafana": p.grafana(),
    "json": {"a": 1},
}


@pytest.mark.parametrize("format_", PROOFS)
async def test_each_service_proves_the_secret_in_its_own_way(world: World, format_: str) -> None:
    world.open(format=format_, **({"template": "{{ a }}"} if format_ == "json" else {}))
    body = json.dumps(BODIES[format_]).encode()
    headers = PROOFS[format_](body)
    try:
        assert (await world.send(body, headers)).status == 202
    finally:
        await world.desk._renderer.close()


@pytest.mark.parametrize("format_", PROOFS)
async def test_a_wrong_secret_or_none_is_refused(world: World, format_: str) -> None:
    world.open(format=format_, **({"template": "{{ a }}"} if format_ == "json" else {}))
    body = json.dumps(BODIES[format_]).encode()
    true = PROOFS[format_](body)
    proof = next(name for name in true if "event" not in name)
    others = {name: value for name, value in true.items() if name != proof}
    wrong = ["", "x", true[proof][:-1], true[proof] + "0", "sha256=", "\udcff\udcfe", "Bearer ", "Basic eDp5"]
    for value in wrong:
        answer = await world.send(body, others | {proof: value})
        assert (answer.status, answer.result) == (401, "unauthorized"), value
        assert SECRET not in answer.detail
    assert (await world.send(body, others)).status == 401
    assert (await world.send(body, others | {"cookie": SECRET, "x-token": SECRET})).status == 401
    assert world.outbox.kept == {}


async def test_a_signature_is_for_one_body(world: World) -> None:
    world.open()
    headers = {"x-github-event": "push", "x-hub-signature-256": "sha256=" + signature(b"{}")}
    assert (await world.send(p.push(), headers)).status == 401


async def test_the_same_delivery_is_one_notice_and_has_one_id(world: World) -> None:
    world.open()
    first = await world.github(p.push(), x_github_delivery="d-1")
    again = await world.github(p.push(), x_github_delivery="d-1")
    other = await world.github(p.push(), x_github_delivery="d-2")
    assert first == again
    assert other.ids != first.ids
    assert len(world.outbox.kept) == 2


async def test_a_delivery_id_may_be_anything(world: World) -> None:
    world.open()
    first = await world.github(p.push(), x_github_delivery="\udcff" * 5000)
    assert first.status == 202
    assert await world.github(p.push(), x_github_delivery="\udcff" * 5000) == first
    assert all(len(key) < 200 for key in world.outbox.kept)


async def test_what_belongs_together_has_one_topic(world: World) -> None:
    world.open(events=["workflow_run"])
    await world.github(p.workflow("in_progress", None), "workflow_run")
    await world.github(p.workflow(), "workflow_run")
    world.open()
    await world.github(p.push())
    running, failed, push = world.outbox.kept.values()
    assert running.topic == failed.topic is not None
    assert running.key != failed.key
    assert push.topic is None


async def test_without_an_id_the_same_body_is_one_notice_for_some_minutes(world: World) -> None:
    world.open(format="gitlab")
    token = {"x-gitlab-token": SECRET}
    first = await world.send(p.GITLAB_PUSH, token)
    world.clock.at += timedelta(minutes=9)  # into the next ten minutes by the clock
    assert await world.send(p.GITLAB_PUSH, token) == first
    world.clock.at += timedelta(minutes=2)
    assert (await world.send(p.GITLAB_PUSH, token)).ids != first.ids
    assert (await world.send(p.GITLAB_TAG, token)).ids != first.ids


async def test_an_alert_that_is_sent_again_and_again_is_told_once_and_its_end_once(world: World) -> None:
    world.open(format="alertmanager")
    bearer = {"authorization": f"bearer {SECRET}"}
    for _ in range(3):
        await world.send(p.alertmanager(), bearer)
        world.clock.at += timedelta(hours=4)
    await world.send(p.alertmanager(p.alert(), p.alert(fingerprint="two", instance="db2")), bearer)
    await world.send(p.alertmanager(status="resolved"), bearer)
    assert world.outbox.texts() == [
        "FIRING: DiskFull (critical) at db1:9100",
        "FIRING: DiskFull (critical) at db2",
        "RESOLVED: DiskFull (critical) at db1:9100",
    ]


async def test_only_events_that_are_wanted_are_said(world: World) -> None:
    world.open()
    for event, payload in (("ping", {"zen": "x"}), ("issues", p.issue("labeled")), ("star", {"action": "created"})):
        answer = await world.github(payload, event)
        assert (answer.status, answer.result) == (200, "ignored")
    world.open(events=["issues.labeled", "release"])
    assert (await world.github(p.push())).status == 200
    assert (await world.github(p.issue(), "issues")).status == 200
    assert (await world.github(p.issue("labeled"), "issues")).status == 202
    assert (await world.github(p.RELEASE, "release")).status == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"a": NaN}', 400),
        (b"9" * 10_000, 400),
        (b"[]", 422),
        (b'"text"', 422),
        (b"{}", 422),
        (b'{"object_kind": "push"}', 422),
        (b'{"object_kind": {"a": 1}}', 422),
    ],
)
async def test_what_cannot_be_read_is_told(world: World, body: bytes, status: int) -> None:
    world.open(format="gitlab")
    answer = await world.send(body, {"x-gitlab-token": SECRET})
    assert answer.status == status
    assert answer.detail
    assert world.outbox.kept == {}


async def test_githubs_form_is_read_too(world: World) -> None:
    world.open()
    body = b"payload=" + json.dumps(p.push()).replace(" ", "+").replace("&", "%26").encode()
    headers = {"x-github-event": "push", "x-hub-signature-256": "sha256=" + signature(body)}
    assert (await world.send(body, headers, media_type="application/x-www-form-urlencoded")).status == 202


async def test_a_flood_is_told_to_wait_and_strangers_do_not_use_up_the_rate(world: World) -> None:
    world.open(per_minute=3)
    for _ in range(50):
        await world.send(b"{}", {"x-hub-signature-256": "sha256=00"})
    answers = [await world.github(p.push(), x_github_delivery=f"{n}") for n in range(5)]
    assert [answer.status for answer in answers] == [202, 202, 202, 429, 429]
    assert answers[-1].retry_after == pytest.approx(20, abs=0.1)
    world.clock.at += timedelta(seconds=20)
    assert (await world.github(p.push(), x_github_delivery="4")).status == 202
    assert world.desk.answers["hook", "limited"] == 2


@pytest.mark.parametrize("problem", [StoreError("disk full"), OutboxFull("10000 notices wait already")])
async def test_what_cannot_be_stored_is_not_acknowledged(world: World, problem: Exception) -> None:
    world.open()
    world.outbox.problem = problem
    answer = await world.github(p.push(), x_github_delivery="d")
    assert (answer.status, answer.retry_after) == (503, 30.0)
    world.outbox.problem = None
    assert (await world.github(p.push(), x_github_delivery="d")).status == 202
    assert len(world.outbox.kept) == 1


async def test_a_flood_of_wrong_requests_is_one_line_in_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.open()
    for _ in range(100):
        await world.send(b"{}", sender="192.0.2.7")
    assert caplog.text.count("192.0.2.7") == 1
    assert SECRET not in caplog.text


async def test_a_reload_keeps_what_is_the_same_and_drops_what_is_gone(world: World) -> None:
    world.open(per_minute=2)
    before = world.desk.get("hook")
    world.open(per_minute=2)
    assert world.desk.get("hook") is before
    world.open(per_minute=5)
    assert world.desk.get("hook") is not before
    world.desk.take(())
    assert world.desk.get("hook") is None


async def template_of(world: World, template: str, payload: object) -> HookAnswer:
    world.open(format="json", template=template)
    try:
        return await world.send(payload, {"authorization": f"Bearer {SECRET}"})
    finally:
        await world.desk._renderer.close()


async def test_a_template_says_what_it_makes_of_a_payload(world: World) -> None:
    answer = await template_of(world, "{{ host }}: {{ payload.state }}", {"host": "db1", "state": "*up*"})
    assert answer.status == 202
    assert world.outbox.texts() == ["db1: \u200b*up*"]


async def test_a_template_that_says_nothing_says_nothing(world: World) -> None:
    assert (await template_of(world, "{% if bad %}bad{% endif %}", {"bad": False})).status == 200
    assert world.outbox.kept == {}


@pytest.mark.parametrize(
    ("template", "told"),
    [("{{ missing }}", "'missing' is undefined"), ("{% for a in range(999999) %}{% endfor %}", "range")],
)
async def test_a_template_that_fails_is_told(world: World, template: str, told: str) -> None:
    answer = await template_of(world, template, {"a": 1})
    assert answer.status == 422
    assert told in answer.detail
