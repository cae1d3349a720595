"""An account's webhooks: a request is checked, read, and written down as notices, before the sender is told so."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from botkit.config.hooks import HookConfig
from botkit.config.schema import Config
from botkit.errors import BadPayload, BotkitError, ConfigError, MisuseError, OutboxFull, StoreError
from botkit.model.actions import Action, Notice, Sent
from botkit.model.address import Address
from botkit.model.hooks import HookAnswer, HookRequest
from botkit.ports import Clock
from botkit.services.hooks.alerts import alerts_report
from botkit.services.hooks.forge import forge_report
from botkit.services.hooks.gitlab import gitlab_report
from botkit.services.hooks.payload import Payload, Report, Said, parse
from botkit.services.hooks.rendering import Renderer
from botkit.services.hooks.signing import is_genuine, proof
from botkit.services.outbox.bucket import Bucket
from botkit.services.outbox.settings import Rate

_log = logging.getLogger(__name__)

_SAME = 600.0  # seconds within which the same body is the same request, where the sender gives it no id
_REMEMBERED = 1000
_TOLD_EVERY = 60.0
_REPORTS: dict[str, Callable[[Mapping[str, str], Payload], Report]] = {
    "github": forge_report,
    "gitea": forge_report,
    "gitlab": gitlab_report,
    "alertmanager": alerts_report,
    "grafana": alerts_report,
}
_IDS = ("x-github-delivery", "x-gitea-delivery", "x-forgejo-delivery", "webhook-id", "idempotency-key")

Perform = Callable[[Action], Awaitable[Sent | None]]


@dataclass(frozen=True, slots=True)
class Opened:
    """A hook of the config, its secret read."""

    name: str
    config: HookConfig
    secret: str = field(repr=False)


def open_hooks(config: Config) -> tuple[Opened, ...]:
    """Every hook of ``config``. Reads their secrets: blocks, and raises ``ConfigError``."""
    found, mistakes = [], []
    for name, hook in config.hooks.items():
        try:
            found.append(Opened(name, hook, hook.secret.resolve()))
        except ConfigError as problem:
            mistakes += [f"hooks.{name}.secret: {one}" for one in problem.mistakes]
    if mistakes:
        raise ConfigError(mistakes)
    return tuple(found)


class HookDesk:
    """The hooks of one account, which a reload may change. ``answers`` counts by hook and result."""

    def __init__(self, perform: Perform, clock: Clock) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        self._perform = perform
        self._clock = clock
        self._hooks: dict[str, OpenHook] = {}
        self._renderer = Renderer()

    def take(self, hooks: tuple[Opened, ...]) -> None:
        """Serve these from now on. What is the same as before goes on as it was."""
        before = self._hooks
        self._hooks = {
            one.name: before[one.name]
            if one.name in before and before[one.name].opened == one
            else OpenHook(one, self._perform, self._clock, self._renderer, self.answers)
            for one in hooks
        }

    def get(self, name: str) -> OpenHook | None:
        """The hook of this name."""
        return self._hooks.get(name)

    async def run(self) -> None:
        """Until it is cancelled; then no hook is served any more."""
        try:
            await asyncio.get_running_loop().create_future()  # no deadline: for as long as the account runs
        finally:
            self._hooks = {}
            await self._renderer.close()


class OpenHook:
    """Fulfils ``ports.Hook``."""

    def __init__(
        self, opened: Opened, perform: Perform, clock: Clock, renderer: Renderer, answers: Counter[tuple[str, str]]
    ) -> None:
        self.opened = opened
        self.max_bytes = opened.config.max_bytes
        self.takes_forms = opened.config.format == "github"
        self._perform = perform
        self._clock = clock
        self._renderer = renderer
        self._answers = answers
        per_minute = opened.config.per_minute
        self._bucket = Bucket(Rate(per_second=per_minute / 60.0, burst=per_minute), clock.monotonic())
        self._recent: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._complained: dict[str, float] = {}

    def count(self, answer: HookAnswer) -> HookAnswer:
        """Note that this was answered."""
        self._answers[self.opened.name, answer.result] += 1
        return answer

    async def take(self, request: HookRequest) -> HookAnswer:
        """Check, read, store. Raises nothing that the sender could cause."""
        config = self.opened.config
        now = self._clock.now().timestamp()
        if not is_genuine(config.format, self.opened.secret, request.headers, request.body, now):
            self._complain("unauthorized", f"a request without the right secret came from {request.sender or 'nobody'}")
            detail = f"the secret or signature is missing or wrong; expected in {proof(config.format)}"
            return HookAnswer(status=401, result="unauthorized", detail=detail)
        wait = self._bucket.ready_in(self._clock.monotonic())
        if wait > 0:
            self._complain("limited", f"more than {config.per_minute} requests a minute")
            detail = f"this hook takes {config.per_minute} requests a minute"
            return HookAnswer(status=429, result="limited", detail=detail, retry_after=wait)
        self._bucket.take(self._clock.monotonic())
        try:
            value = parse(request.body, request.media_type)
        except ValueError as problem:
            return HookAnswer(status=400, result="malformed", detail=str(problem))
        try:
            report = await self._report(request, value)
        except BadPayload as problem:
            if problem.retryable:
                return HookAnswer(status=503, result="unstored", detail=str(problem), retry_after=30.0)
            self._complain("lacking", f"a request could not be read: {problem}")
            return HookAnswer(status=422, result="lacking", detail=str(problem))
        if not report.said or not self._wanted(report):
            return HookAnswer(status=200, result="ignored", detail=f"nothing is said of {report.name or 'this'} here")
        return await self._store(request, report)

    async def _report(self, request: HookRequest, value: object) -> Report:
        config = self.opened.config
        read = _REPORTS.get(config.format)
        if read is None:
            report = Report("", "", ())
        elif isinstance(value, dict):
            report = read(request.headers, Payload(value))
        else:
            raise BadPayload("the payload is no JSON object")
        if config.template is None or (read is not None and not self._wanted(report)):
            return report
        text = await self._renderer.render(config.template, _values(value, report))
        return Report(report.event, report.action, (Said(text),) if text else (), report.usual)

    def _wanted(self, report: Report) -> bool:
        events = self.opened.config.events
        if events is None:
            return report.usual
        return report.event in events or report.name in events

    async def _store(self, request: HookRequest, report: Report) -> HookAnswer:
        config = self.opened.config
        places = [(room, True) for room in config.rooms] + [(person, False) for person in config.people]
        own = self._key_of(request)
        ids: list[str] = []
        for said in report.said:
            for to, groupchat in places:
                try:
                    sent = await self._perform(self._notice(said, own, to, groupchat=groupchat))
                except (StoreError, OutboxFull) as problem:
                    self._complain("unstored", f"a request could not be stored: {problem}")
                    detail = "it cannot be stored now; send it again later"
                    return HookAnswer(status=503, result="unstored", detail=detail, retry_after=30.0)
                except MisuseError as problem:
                    return HookAnswer(status=422, result="lacking", detail=str(problem))
                except BotkitError as problem:
                    self._complain("unstored", f"a request could not be stored: {problem}")
                    return HookAnswer(status=503, result="unstored", detail="it cannot be stored now", retry_after=30.0)
                if sent is not None:
                    ids.append(str(sent.message_id))
        return HookAnswer(status=202, result="stored", ids=tuple(ids))

    def _notice(self, said: Said, own: str, to: Address, *, groupchat: bool) -> Notice:
        expires = self.opened.config.expires
        return Notice(
            to=to,
            text=said.text,
            groupchat=groupchat,
            key=self._notice_key(said.key if said.key is not None else own, to),
            expires=self._clock.now() + expires if expires is not None else None,
            topic=f"hook {self.opened.name} {said.thread}" if said.thread is not None else None,
        )

    def _notice_key(self, key: str, to: Address) -> str:
        return f"hook {self.opened.name} {_digest(key.encode('utf-8', 'backslashreplace'))} {to}"

    def _key_of(self, request: HookRequest) -> str:
        """The same for the same request: its id, else what it says, for some minutes."""
        for name in _IDS:
            if given := request.headers.get(name, "").strip():
                return f"{name} {given}"
        body, now = _digest(request.body), self._clock.now().timestamp()
        while self._recent and (len(self._recent) > _REMEMBERED or next(iter(self._recent.values()))[0] <= now - _SAME):
            self._recent.popitem(last=False)
        if body not in self._recent:
            self._recent[body] = (now, f"body {body} {int(now // _SAME)}")
        return self._recent[body][1]

    def _complain(self, what: str, text: str) -> None:
        """Log it, but not for each request of a flood."""
        now = self._clock.monotonic()
        if now - self._complained.get(what, -_TOLD_EVERY) >= _TOLD_EVERY:
            self._complained[what] = now
            _log.warning("hook %s: %s", self.opened.name, text)


class ClosedHook:
    """Fulfils ``ports.Hook`` for an account that does not run now."""

    def __init__(self, config: HookConfig) -> None:
        self.max_bytes = config.max_bytes
        self.takes_forms = config.format == "github"

    def count(self, answer: HookAnswer) -> HookAnswer:
        """Nobody counts."""
        return answer

    async def take(self, _request: HookRequest) -> HookAnswer:
        """Not now."""
        return HookAnswer(
            status=503, result="unstored", detail="the bot is being started or has ended", retry_after=30.0
        )


def _values(value: object, report: Report) -> dict[str, object]:
    """What a template knows: the payload, and its keys as names of their own."""
    own = {"payload": value, "event": report.event, "action": report.action}
    return {**{key: one for key, one in value.items() if key.isidentifier()}, **own} if isinstance(value, dict) else own


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
