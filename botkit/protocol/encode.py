"""Actions to elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.errors import MisuseError
from botkit.model.actions import (
    Action,
    Invite,
    Moderate,
    React,
    RetractOwn,
    SendMessage,
    SetAffiliation,
    SetRole,
    SetSubject,
)
from botkit.model.address import Address
from botkit.model.messages import MessageId, Reply
from botkit.protocol import namespaces as ns
from botkit.protocol.correction import build_replace
from botkit.protocol.fallback import build_fallback
from botkit.protocol.invitations import build_invite
from botkit.protocol.moderation import build_moderate
from botkit.protocol.muc import build_affiliation, build_role
from botkit.protocol.oob import build_oob
from botkit.protocol.reactions import build_reactions
from botkit.protocol.replies import build_reply, quoted
from botkit.protocol.retraction import add_retraction
from botkit.protocol.stanza_ids import ORIGIN_ID_TAG
from botkit.protocol.text import clean

_BODY: Final = f"{{{ns.CLIENT}}}body"


def encode(action: Action, *, message_id: MessageId) -> Element:
    """``<message/>`` for an action that is one, with ``message_id`` as its id and origin-id.

    Raises ``MisuseError`` for actions that are requests; those are ``encode_request``'s. Texts are made legal XML.
    """
    if isinstance(action, SendMessage):
        return _send(action, message_id)
    if isinstance(action, React):
        message = _message(action.to, action.groupchat, message_id)
        message.append(build_reactions(clean(action.target), action.reactions))
        SubElement(message, f"{{{ns.HINTS}}}store")  # XEP-0444 §6: without a body it would not be archived
        return message
    if isinstance(action, RetractOwn):
        message = _message(action.to, action.groupchat, message_id)
        add_retraction(message, clean(action.target))
        return message
    if isinstance(action, SetSubject):
        message = _message(action.room, True, message_id)
        SubElement(message, f"{{{ns.CLIENT}}}subject").text = clean(action.subject)
        return message
    if isinstance(action, Invite):
        message = Element(ns.MESSAGE, {"to": str(action.room), "id": message_id})
        message.append(build_invite(action.address, action.reason))
        return message
    raise MisuseError(f"{type(action).__name__} is a request; use encode_request")


def _message(to: Address, groupchat: bool, message_id: MessageId) -> Element:
    message = Element(ns.MESSAGE, {"to": str(to), "type": "groupchat" if groupchat else "chat", "id": message_id})
    SubElement(message, ORIGIN_ID_TAG, {"id": message_id})
    return message


def _send(action: SendMessage, message_id: MessageId) -> Element:
    message = _message(action.to, action.groupchat, message_id)
    body = clean(action.body)
    if action.reply is not None:
        body = _add_reply(message, action.reply, action.quote, body)
    SubElement(message, _BODY).text = body
    if action.replaces is not None:
        message.append(build_replace(MessageId(clean(action.replaces))))
    if action.url is not None:
        message.append(build_oob(action.url))
    if action.unstyled:
        SubElement(message, f"{{{ns.STYLING}}}unstyled")
    if action.ephemeral:
        SubElement(message, f"{{{ns.HINTS}}}no-store")
    if action.private:  # XEP-0045 §7.5: tells it from a message to an account
        SubElement(message, f"{{{ns.MUC_USER}}}x")
    return message


def _add_reply(message: Element, reply: Reply, quote: str | None, body: str) -> str:
    """Add ``<reply/>``; the body with the quotation in front, whose range (code points, XEP-0426) is marked."""
    message.append(build_reply(Reply(clean(reply.target), reply.to)))
    if not quote:
        return body
    quotation = quoted(clean(quote))
    message.append(build_fallback(ns.REPLY, 0, len(quotation)))
    return quotation + body


@dataclass(frozen=True, slots=True)
class Request:
    """An IQ to send: ``kind`` is get or set."""

    to: Address
    kind: str
    payload: Element


def encode_request(action: Moderate | SetRole | SetAffiliation, *, moderation: int = 1) -> Request:
    """The IQ for an action that is a request. ``moderation``: the room's version (``RoomInfo.moderation``)."""
    if isinstance(action, Moderate):
        return Request(action.room, "set", build_moderate(action.archive_id, action.reason, moderation))
    if isinstance(action, SetRole):
        return Request(action.room, "set", build_role(action.nick, action.role, action.reason))
    return Request(action.room, "set", build_affiliation(action.address, action.affiliation, action.reason))
