"""JIDs: parsed, prepared, compared."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from functools import lru_cache
from threading import Lock
from weakref import WeakValueDictionary

from botkit.errors import BadAddress
from botkit.model.preparation import prepared_domain, prepared_local, prepared_resource


class Address:
    """A JID, prepared (RFC 7622 in its RFC 6122 profile): ``local@domain/resource``. Immutable.

    ``local`` and ``resource`` are None where absent; ``bare`` is this address without its resource. Equality is by
    the prepared parts, so ``Address.parse("A@b") == Address.parse("a@b")``. There is one object for each address, so
    that hashing and comparing, which happen some twenty times for each message, are the interpreter's own by identity.
    """

    __slots__ = ("__weakref__", "_text", "bare", "domain", "local", "resource")
    __match_args__ = ("local", "domain", "resource")

    local: str | None
    domain: str
    resource: str | None
    bare: Address
    _text: str

    def __new__(cls, local: str | None, domain: str, resource: str | None = None) -> Address:
        """The one object of these parts, which must be prepared already."""
        parts = (local, domain, resource)
        return _all.get(parts) or _made(parts)

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __reduce__(self) -> tuple[type[Address], _Parts]:
        return Address, (self.local, self.domain, self.resource)

    def __repr__(self) -> str:
        return f"Address(local={self.local!r}, domain={self.domain!r}, resource={self.resource!r})"

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
        return _received(text) if len(text) <= _KEPT else _cut(text)

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
        return self._text


_Parts = tuple[str | None, str, str | None]
_all: WeakValueDictionary[_Parts, Address] = WeakValueDictionary()
_making = Lock()  # the database's threads make addresses, too


def _made(parts: _Parts) -> Address:
    local, domain, resource = parts
    bare = None if resource is None else Address(local, domain)
    with _making:
        found = _all.get(parts)
        if found is not None:
            return found
        made = object.__new__(Address)
        text = domain if local is None else f"{local}@{domain}"
        fields = {"local": local, "domain": domain, "resource": resource, "bare": bare or made}
        for name, value in (*fields.items(), ("_text", text if resource is None else f"{text}/{resource}")):
            object.__setattr__(made, name, value)
        _all[parts] = made
        return made


_LONGEST = 3071
_KEPT = 256
"""Longer ones, which nobody has but who means harm, are prepared again each time rather than kept."""


def _prepared(text: str) -> Address:
    if len(text) > _LONGEST:
        raise BadAddress(f"{text[:40]!r}… is {len(text)} characters long; a JID has at most 3071 (RFC 7622 §3.1)")
    bare, slash, resource = text.partition("/")
    local, at, domain = bare.partition("@")
    if not at:
        domain = local
    try:
        return Address(
            _part("local part", prepared_local(local)) if at else None,
            _part("domain", prepared_domain(domain)),
            _part("resource", prepared_resource(resource)) if slash else None,
        )
    except ValueError as problem:
        raise BadAddress(f"{text[:200]!r} is not a JID: {problem}; write it as local@domain.example") from None


def _part(name: str, text: str) -> str:
    if not text:
        raise ValueError(f"its {name} is empty")
    if len(text.encode()) > 1023:
        raise ValueError(f"its {name} is longer than 1023 bytes")
    if name == "domain" and "@" in text:
        raise ValueError("its domain has an @")
    return text


_parse_kept = lru_cache(maxsize=65536)(_prepared)


def _parse(text: str) -> Address:
    return _parse_kept(text) if len(text) <= _KEPT else _prepared(text)


def _cut(text: str) -> Address:
    try:
        return _parse(text)
    except BadAddress:
        bare, slash, resource = text.partition("/")
        local, at, domain = bare.rpartition("@")
        return Address(local.lower() if at else None, domain.lower(), resource if slash else None)


_received = lru_cache(maxsize=65536)(_cut)
