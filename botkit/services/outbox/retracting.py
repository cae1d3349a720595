"""Taking back a notice that has expired."""

from __future__ import annotations

import secrets

from botkit.model.actions import Moderate
from botkit.model.capabilities import Capability
from botkit.model.messages import ArchiveId, MessageId
from botkit.model.notices import RETRACTION, NoticeState, StoredNotice
from botkit.ports import Clock, Link, NoticeStore

_REASON = "it has expired"


class Retracting:
    """Makes retractions, which are kept as notices are, and judges how they can be done."""

    def __init__(self, link: Link, store: NoticeStore, clock: Clock) -> None:
        self._link = link
        self._store = store
        self._clock = clock

    async def of(self, row: StoredNotice) -> StoredNotice | None:
        """The retraction of ``row``, which was settled; None if there is to be none. Raises ``StoreError``."""
        if row.state is not NoticeState.DONE or not row.retract_on_expiry or row.expires is None:
            return None
        said = row
        if row.replaces is not None and row.topic is not None:  # what is taken back is the message that it corrected
            said = await self._store.told(row.to, row.topic) or row
        # XEP-0424 §5.1: in rooms the id that the room gave, or the origin-id if it gives none; else the "id" attribute
        target = (said.archive_id if row.groupchat else None) or said.message_id
        return StoredNotice(
            key=f"{RETRACTION}{row.message_id}",
            part=0,
            to=row.to,
            groupchat=row.groupchat,
            text="",
            message_id=MessageId(secrets.token_hex(8)),
            created=self._clock.now(),
            not_before=row.expires,
            sent_as=row.sent_as,
            replaces=said.message_id,
            retracts=target,
        )

    def is_believed(self, row: StoredNotice) -> bool:
        """True if others would believe that we wrote it: by our full JID there, or our occupant-id (XEP-0424 §5)."""
        info = self._link.room(row.to)
        if not row.groupchat or info is None or info.me is None:
            return True
        return info.me.nick == row.sent_as or info.occupant_ids

    async def moderate(self, row: StoredNotice) -> bool:
        """Have the room take it away (XEP-0425); False if it is not for us to ask. Raises ``LinkError``."""
        info = self._link.room(row.to)
        if info is None or Capability.RETRACT not in info.capabilities:
            return False
        await self._link.perform(Moderate(room=row.to, archive_id=ArchiveId(row.retracts or ""), reason=_REASON))
        return True
