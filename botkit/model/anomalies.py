"""What can be odd about a stanza. Rules may look at these; none of them hides what the stanza shows.

``MALFORMED_*``: a child that breaks its XEP and was left out. ``DOUBLED_*``: more than one where the XEP allows one.
``FORGED_*``: a claim that only a room or our own server may make, made by somebody else; it was not believed.
"""

from __future__ import annotations

from typing import Final

ODD_SENDER: Final = "odd-sender"  # no "from", or one that is no JID
ODD_TYPE: Final = "odd-type"  # a stanza type that RFC 6121 does not know
STRAY_TEXT: Final = "stray-text"  # text directly inside of the stanza
MARKUP_IN_BODY: Final = "markup-in-body"  # elements inside of <body/> or <subject/>
FOREIGN_BODY: Final = "foreign-body"  # a <body/> or <subject/> outside of XMPP's namespace: some clients show it
DOUBLED_BODY: Final = "doubled-body"  # two bodies in one language
SEVERAL_LANGUAGES: Final = "several-languages"
DIFFERENT_HTML: Final = "different-html"  # the XHTML-IM body says something else than the body
STRAY_ERROR: Final = "stray-error"  # an <error/> in what is no error

FORGED_ARCHIVE_RESULT: Final = "forged-archive-result"
FORGED_CARBON: Final = "forged-carbon"
FORGED_DELAY: Final = "forged-delay"
FORGED_INVITATION: Final = "forged-invitation"
FORGED_MODERATION: Final = "forged-moderation"
FORGED_MUC_USER: Final = "forged-muc-user"
FORGED_STANZA_ID: Final = "forged-stanza-id"
FORGED_TOMBSTONE: Final = "forged-tombstone"
UNOFFERED_MODERATION: Final = "unoffered-moderation"  # said by a room whose disco#info does not offer it
UNOFFERED_OCCUPANT_ID: Final = "unoffered-occupant-id"
UNOFFERED_STANZA_ID: Final = "unoffered-stanza-id"
OCCUPANT_ID_MISMATCH: Final = "occupant-id-mismatch"  # another one than the nick's last presence had

DOUBLED_CORRECTION: Final = "doubled-correction"
DOUBLED_DELAY: Final = "doubled-delay"
DOUBLED_ITEM: Final = "doubled-muc-user"
DOUBLED_OCCUPANT_ID: Final = "doubled-occupant-id"
DOUBLED_ORIGIN_ID: Final = "doubled-origin-id"
DOUBLED_REACTIONS: Final = "doubled-reactions"
DOUBLED_REPLY: Final = "doubled-reply"
DOUBLED_STANZA_ID: Final = "doubled-stanza-id"
DOUBLED_STATUS: Final = "doubled-status"
DOUBLED_THREAD: Final = "doubled-thread"
TOO_MANY_CLAIMS: Final = "too-many-claims"  # more retractions or invitations than one stanza has reason to carry

MALFORMED_ATTACHMENT: Final = "malformed-attachment"
MALFORMED_CORRECTION: Final = "malformed-correction"
MALFORMED_DELAY: Final = "malformed-delay"
MALFORMED_FALLBACK: Final = "malformed-fallback"
MALFORMED_INVITATION: Final = "malformed-invitation"
MALFORMED_MODERATION: Final = "malformed-moderation"
MALFORMED_MUC_USER: Final = "malformed-muc-user"  # a status code that is no number, a role that does not exist
MALFORMED_OCCUPANT_ID: Final = "malformed-occupant-id"
MALFORMED_ORIGIN_ID: Final = "malformed-origin-id"
MALFORMED_REACTIONS: Final = "malformed-reactions"
MALFORMED_REPLY: Final = "malformed-reply"
MALFORMED_RETRACTION: Final = "malformed-retraction"
MALFORMED_STANZA_ID: Final = "malformed-stanza-id"

UNREADABLE_CHILD: Final = "unreadable-child"
"""A fault of our own while reading a child; the child was left out, the message stands."""
