"""Moderated message retraction (XEP-0425), versions 0 and 1."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.model.messages import ArchiveId, Moderation
from botkit.protocol.delay import parse_stamp
from botkit.protocol.namespaces import FASTEN, MODERATE_0, MODERATE_1, RETRACT_0, RETRACT_1
from botkit.protocol.occupant_id import OCCUPANT_ID_TAG, valid
from botkit.protocol.retraction import MODERATED_TAGS, RETRACTED_TAGS
from botkit.protocol.text import child_text, clean

__all__ = ["MODERATE_0", "MODERATE_1", "parse_moderation", "parse_tombstone", "request"]

# The specification puts <reason/> beside <moderated/> in the retraction's namespace, ejabberd from 24.06 in the
# moderation's; version 0 has it inside of <moderated/>.
_REASONS: Final = tuple(f"{{{ns}}}reason" for ns in (RETRACT_1, MODERATE_1, MODERATE_0, RETRACT_0))


def parse_moderation(moderated: Element, container: Element, retracted: Element | None = None) -> Moderation:
    """What ``<moderated/>`` in ``container`` tells. What is missing or wrong in it is None."""
    by = moderated.get("by")
    ids = [one.get("id") for one in moderated if one.tag == OCCUPANT_ID_TAG]
    reason = child_text(container, *_REASONS)
    if reason is None and container is not moderated:
        reason = child_text(moderated, *_REASONS)
    return Moderation(
        by=Address.received(by) if by else None,
        occupant_id=ids[0] if len(ids) == 1 and valid(ids[0]) else None,
        reason=reason,
        stamp=parse_stamp(retracted.get("stamp")) if retracted is not None else None,
    )


def parse_tombstone(child: Element) -> tuple[bool, Moderation | None]:
    """``(True, how)`` for a tombstone of either version: ``how`` is None where the author retracted the message.
    ``(False, None)`` for what is none."""
    if child.tag in RETRACTED_TAGS:
        moderated = next((one for one in child if one.tag in MODERATED_TAGS), None)
        return True, None if moderated is None else parse_moderation(moderated, child, child)
    # Version 0: <moderated by><retracted stamp/><reason/></moderated>. Its example left out the namespace of
    # <retracted/>, so the local name has to do.
    retracted = next((one for one in child if str(one.tag).rpartition("}")[2] == "retracted"), None)
    if retracted is None:
        return False, None
    return True, parse_moderation(child, child, retracted)


def request(archive_id: ArchiveId, reason: str | None = None, *, version: int) -> Element:
    """The IQ-set payload for the room. ``version``: 0 or 1, as ``RoomInfo.moderation`` says.

    Version 0 always names ``<retract/>``: without it Prosody only marks the message.
    """
    if version == 1:
        outer = moderate = Element(f"{{{MODERATE_1}}}moderate", {"id": archive_id})
        SubElement(moderate, f"{{{RETRACT_1}}}retract")
    elif version == 0:
        outer = Element(f"{{{FASTEN}}}apply-to", {"id": archive_id})
        moderate = SubElement(outer, f"{{{MODERATE_0}}}moderate")
        SubElement(moderate, f"{{{RETRACT_0}}}retract")
    else:
        raise MisuseError(f"there is no version {version} of XEP-0425; use 0 or 1")
    if reason:
        namespace = MODERATE_1 if version == 1 else MODERATE_0
        SubElement(moderate, f"{{{namespace}}}reason").text = clean(reason)
    return outer
