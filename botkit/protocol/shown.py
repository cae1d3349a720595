"""Texts that stand in no body, and that some client shows all the same: what moderation must see (XEP by XEP)."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.messages import Source
from botkit.protocol import namespaces as ns
from botkit.protocol.draft import Draft

_RDF_ABOUT: Final = f"{{{ns.RDF}}}about"
_ATTRIBUTES: Final = (_RDF_ABOUT, "desc", "href", "label", "name", "reason", "src", "target", "title", "uri")
_NAMES: Final = frozenset({"body", "subject"})
FOREIGN: Final = tuple(_NAMES)  # how the tag of a child ends that ``read_foreign`` may take

SHOWN_TAGS: Final = (
    f"{{{ns.SPOILER}}}spoiler",
    f"{{{ns.NICK}}}nick",
    f"{{{ns.RDF}}}Description",
    f"{{{ns.CONTENT}}}content",
    f"{{{ns.DATA_FORMS}}}x",
    f"{{{ns.CAPTCHA}}}captcha",
    f"{{{ns.QUICK_RESPONSE}}}response",
    f"{{{ns.QUICK_RESPONSE}}}action",
    f"{{{ns.CALL_INVITES}}}invite",
    f"{{{ns.WEBXDC}}}x",
    f"{{{ns.ROSTER_EXCHANGE}}}x",
    f"{{{ns.MOOD}}}mood",
    f"{{{ns.ACTIVITY}}}activity",
    f"{{{ns.TUNE}}}tune",
    f"{{{ns.GAMING}}}game",
    f"{{{ns.GEOLOC}}}geoloc",
)
SHOWN_IN_ROOMS_TAGS: Final = (f"{{{ns.FORWARD}}}forwarded", f"{{{ns.PUBSUB_EVENT}}}event")


def texts_in(element: Element) -> str:
    """Every text in ``element``, and the attributes that clients show, one a line, each once."""
    lines: list[str] = []
    for part in element.iter():
        lines += [value for name in _ATTRIBUTES if (value := part.get(name))]
        if part.text:
            lines.append(part.text)
        if part.tail and part is not element:
            lines.append(part.tail)
    return "\n".join(dict.fromkeys(line for text in lines if (line := text.strip())))


def read_shown(draft: Draft, child: Element) -> None:
    """A child with texts that some client shows."""
    if text := texts_in(child):
        draft.add("others", text)


def read_shown_in_rooms(draft: Draft, child: Element) -> None:
    """One whose texts are somebody else's words in a 1:1 chat (our own server's, a subscription's)."""
    if draft.groupchat:
        read_shown(draft, child)


def read_foreign(draft: Draft, child: Element) -> None:
    """A child that no reader knows. Clients that look for ``body`` in whatever namespace show it (Converse.js 11)."""
    if child.tag.rpartition("}")[2] in _NAMES and (text := texts_in(child)):
        draft.odd(anomalies.FOREIGN_BODY)
        draft.add("others", text)


def read_unbelieved(draft: Draft) -> None:
    """Reasons in what an occupant said in the room's name: not believed here, shown where nobody checks who said it.

    Converse.js 11 shows the reason in a tombstone, old clients an invitation, whoever sent it.
    """
    for _, _, container in draft.moderations:
        read_shown(draft, container)
    for child in draft.muc_users:
        read_shown(draft, child)
    if draft.source is Source.LIVE:  # else the room may have put it there
        for child in draft.tombstones:
            read_shown(draft, child)
