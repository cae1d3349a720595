"""Says what comes from the shell: as a notice, so that it is kept, said once, and known to have arrived."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from botkit.errors import ControlError, NotSaid, RequestTimeout
from botkit.model.actions import Action, Notice, Sent, Urgency
from botkit.model.address import Address
from botkit.model.plain import to_plain
from botkit.model.posts import Post, Posted, PostState
from botkit.model.rooms import RoomInfo
from botkit.ports import Clock, Jobs
from botkit.routing.texts import sayable
from botkit.services.schedule.times import Once

SEND = "botkit.send"
"""What jobs run that say a post at its time; see ``services.own_jobs``."""


class Speaker(Protocol):
    """The part of ``ports.Link`` that is needed."""

    async def perform(self, action: Action) -> Sent | None:
        """See ``ports.Link``."""

    async def upload(self, data: bytes | Path, *, name: str | None = None, content_type: str | None = None) -> str:
        """See ``ports.Link``."""

    def room(self, room: Address) -> RoomInfo | None:
        """See ``ports.Link``."""


async def post(link: Speaker, jobs: Jobs, clock: Clock, given: Post, *, wait: float) -> Posted:
    """Say ``given``, and wait up to ``wait`` seconds until it stands; or make a job that says it at its time.

    A file is uploaded now. Raises ``UploadFailed``, ``OutboxFull``, ``MisuseError``, ``StoreError``, and what keeps a
    file from being uploaded; then nothing was said or kept.
    """
    if not given.to.is_bare:
        raise ControlError(f"{given.to}: expected a room or an account, without anything behind a slash")
    if given.groupchat is None:  # now: when a job says it, the bot may not have asked for its rooms yet
        given = replace(given, groupchat=link.room(given.to) is not None)
    given, url = await _uploaded(link, given)
    if given.at is not None and given.at > clock.now():  # an upload may have lasted longer
        return replace(await schedule(jobs, given), url=url)
    return replace(await _say(link, given, wait), url=url)


async def schedule(jobs: Jobs, given: Post) -> Posted:
    """Make the job that says ``given`` at its time. A job of the same key is replaced."""
    assert given.at is not None
    name = f"{SEND}.{given.key}"
    await jobs.add(SEND, Once.at(given.at), name=name, arguments=to_plain(replace(given, at=None)))
    return Posted(state=PostState.SCHEDULED, id=given.topic, job=name)


def notice_of(given: Post) -> Notice:
    """The notice that says ``given``."""
    return Notice(
        to=given.to,
        text=sayable(given.text),
        groupchat=given.groupchat is True,
        key=f"shell {given.key}",
        topic=f"shell {given.topic}",
        expires=given.expires,
        attached=given.attached,
        urgency=Urgency.URGENT if given.urgent else Urgency.NORMAL,
    )


async def _uploaded(link: Speaker, given: Post) -> tuple[Post, str | None]:
    if given.file is None:
        return given, None
    path = Path(given.file)
    if not path.is_absolute():
        raise ControlError(f"{path}: expected an absolute path")
    url = await link.upload(path)
    return replace(given, text=url, file=None, attached=True), url


async def _say(link: Speaker, given: Post, wait: float) -> Posted:
    sent = await link.perform(notice_of(given))
    assert sent is not None, "Link.perform gives a Sent for every Notice"
    told = Posted(state=PostState.DELIVERED, id=given.topic, message_id=sent.message_id)
    try:
        return replace(told, archive_id=await sent.reflected(wait))
    except NotSaid as problem:
        return replace(told, state=_STATES.get(problem.state, PostState.REFUSED), reason=str(problem))
    except RequestTimeout as problem:
        return replace(told, state=PostState.WAITING, reason=str(problem))


_STATES = {"expired": PostState.EXPIRED, "replaced": PostState.REPLACED, "failed": PostState.REFUSED}
