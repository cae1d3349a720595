"""JIDs. The one place outside ``session/`` that leans on aioxmpp: its stringprep."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from aioxmpp.structs import JID

from botkit.errors import BadAddress


@dataclass(frozen=True, slots=True)
class Address:
    """A JID, prepared (RFC 7622 in its RFC 6122 profile): ``local@domain/resource``.

    ``local`` and ``resource`` are None where absent. Equality is by the prepared parts, so
    ``Address.parse("A@b") == Address.parse("a@b")``.
    """

    local: str | None
    domain: str
    resource: str | None = None

    @staticmethod
    def parse(text: str) -> Address:
        """Parse and prepare ``text``. Raises ``BadAddress`` for what is no JID.

        Stringprep is pure Python and costs tens of microseconds; results are kept in a bounded cache.
        """
        return _parse(text)

    @staticmethod
    def received(text: str) -> Address:
        """``text`` as a peer sent it; never raises. Where the preparation refuses it, it is only cut into its parts.

        Stringprep's tables end with Unicode 3.2 and forbid mixed directions, servers follow newer rules (RFC 7622):
        a nick that only we refuse is in the room all the same, and whoever has it must not be invisible.
        """
        return _received(text)

    @property
    def bare(self) -> Address:
        """This address without its resource."""
        return self if self.resource is None else _bare(self)

    @property
    def is_bare(self) -> bool:
        """True if there is no resource."""
        return self.resource is None

    def with_resource(self, resource: str | None) -> Address:
        """The same account or room with another resource (in a room: nick). Raises ``BadAddress``."""
        if resource is None:
            return self.bare
        return _parse(f"{self.bare}/{resource}")

    def __str__(self) -> str:
        text = self.domain if self.local is None else f"{self.local}@{self.domain}"
        return text if self.resource is None else f"{text}/{self.resource}"


@lru_cache(maxsize=65536)
def _parse(text: str) -> Address:
    if len(text) > 3071:
        raise BadAddress(f"{text[:40]!r}… is {len(text)} characters long; a JID has at most 3071 (RFC 7622 §3.1)")
    try:
        jid = JID.fromstr(text, strict=False)  # code points after Unicode 3.2 pass: emoji are common in nicks
    except (ValueError, TypeError) as problem:
        raise BadAddress(f"{text[:200]!r} is not a JID: {problem}; write it as local@domain.example") from None
    if "@" in jid.domain:
        raise BadAddress(f"{text[:200]!r} is not a JID: its domain has an @; write it as local@domain.example")
    return Address(jid.localpart, jid.domain, jid.resource)


@lru_cache(maxsize=65536)
def _received(text: str) -> Address:
    try:
        return _parse(text)
    except BadAddress:
        bare, slash, resource = text.partition("/")
        local, at, domain = bare.rpartition("@")
        return Address(local.lower() if at else None, domain.lower(), resource if slash else None)


@lru_cache(maxsize=65536)
def _bare(address: Address) -> Address:
    return Address(address.local, address.domain)
