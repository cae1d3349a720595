"""What one pass over a message's children gathered, before it is judged. Each XEP's readers fill it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from xml.etree.ElementTree import Element

from botkit.model.address import Address
from botkit.model.messages import ArchiveId, Attachment, MessageId, Reply, Source, Text


class Draft:
    """Mutable and short-lived. ``sender_bare`` is the text of "from" without the resource, as it came on the wire.

    The defaults stand on the class, so that an ordinary message pays only for what it has.
    """

    lang: str | None = None
    groupchat: bool = False
    thread: str | None = None
    has_body = False
    has_subject = False
    stray: str | None = None
    html: str | None = None
    origin_id: str | None = None
    own_stanza_id: ArchiveId | None = None  # by == the sender's bare JID
    stanza_id_count = 0
    occupant_id: str | None = None
    occupant_id_count = 0
    delayed: datetime | None = None  # by the sender's bare JID
    server_delayed: datetime | None = None  # by our own server
    replaces: MessageId | None = None
    reply: Reply | None = None
    reactions: tuple[str, tuple[str, ...]] | None = None
    encrypted = False
    keys_only = False
    announced_encryption = False

    def __init__(self, sender: Address, sender_bare: str, to: str | None) -> None:
        self.sender = sender
        self.sender_bare = sender_bare
        self.to = to
        self.bodies: list[Text] = []
        self.anomalies: list[str] = []
        self.subjects: list[Text] = []
        self.attachments: list[Attachment] = []
        self.fallbacks: list[Element] = []
        self.html_texts: list[tuple[str, list[str]]] = []  # text, and what its attributes show
        self.retractions: list[str] = []
        self.moderations: list[tuple[str, Element, Element]] = []  # target, <moderated/>, its container
        self.tombstones: list[Element] = []
        self.muc_users: list[Element] = []
        self.conferences: list[Element] = []
        self.result: Element | None = None
        self.error: Element | None = None
        self.source = Source.LIVE

    def said_by_sender(self, by: str | None) -> bool:
        """Whether ``by`` is the sender's bare JID, in any spelling. Only what comes close is prepared: it is dear."""
        if by == self.sender_bare:
            return True
        bare = self.sender.bare
        return by is not None and by.casefold() == str(bare).casefold() and Address.received(by) == bare

    def odd(self, anomaly: str) -> None:
        """Note ``anomaly`` once."""
        if anomaly not in self.anomalies:
            self.anomalies.append(anomaly)


Reader = Callable[[Draft, Element], None]
"""Takes one child into the draft. Never raises, whatever the child looks like."""
