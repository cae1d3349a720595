"""What one pass over a message's children gathered, before it is judged. Each XEP's readers fill it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    subjects: Sequence[Text] = ()
    attachments: Sequence[Attachment] = ()
    fallbacks: Sequence[Element] = ()
    html_texts: Sequence[tuple[str, list[str]]] = ()  # text, and what its attributes show
    others: Sequence[str] = ()  # texts of further children that some client shows
    retractions: Sequence[str] = ()
    moderations: Sequence[tuple[str, Element, Element]] = ()  # target, <moderated/>, its container
    tombstones: Sequence[Element] = ()
    muc_users: Sequence[Element] = ()
    conferences: Sequence[Element] = ()
    anomalies: Sequence[str] = ()
    result: Element | None = None
    error: Element | None = None
    source = Source.LIVE
    encrypted = False
    keys_only = False
    announced_encryption = False

    def __init__(self, sender: Address, sender_bare: str, to: str | None) -> None:
        self.sender = sender
        self.sender_bare = sender_bare
        self.to = to
        self.bodies: list[Text] = []

    def add(self, name: str, item: object) -> None:
        """Put ``item`` behind what the sequence of this ``name`` has already."""
        found = self.__dict__.get(name)
        if found is None:
            setattr(self, name, [item])
        else:
            found.append(item)

    def said_by_sender(self, by: str | None) -> bool:
        """Whether ``by`` is the sender's bare JID, in any spelling. Only what comes close is prepared: it is dear."""
        if by == self.sender_bare:
            return True
        bare = self.sender.bare
        return by is not None and by.casefold() == str(bare).casefold() and Address.received(by) == bare

    def odd(self, anomaly: str) -> None:
        """Note ``anomaly`` once."""
        if anomaly not in self.anomalies:
            self.add("anomalies", anomaly)


Reader = Callable[[Draft, Element], None]
"""Takes one child into the draft. Never raises, whatever the child looks like."""
