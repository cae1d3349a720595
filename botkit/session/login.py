"""SASL (RFC 6120 §6): SCRAM, and PLAIN only where the config allows it by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Final

import aiosasl
from aiosasl.scram import SCRAMHashInfo
from aioxmpp import protocol, sasl, security_layer

from botkit.errors import LinkClosed, LoginRefused
from botkit.model.address import Address
from botkit.session.stream import Stream

_MOST_ITERATIONS: Final = 1_000_000
"""A server that asks for more wants our processor, not our password; Prosody asks 10,000, ejabberd 4,096."""
_PASSES: Final = frozenset({"temporary-auth-failure", "aborted"})


class _Scram(aiosasl.SCRAM):  # type: ignore[misc]
    _supported_hashalgos: ClassVar[dict[str, Any]] = {
        **aiosasl.SCRAM._supported_hashalgos,
        "SHA-512": SCRAMHashInfo("sha512", 512, 4096),
    }

    @classmethod
    def parse_message(cls, msg: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key, value in super().parse_message(msg):
            if key == b"i" and (not value.isdigit() or len(value) > 9 or int(value) > _MOST_ITERATIONS):
                raise LoginRefused(
                    f"the server asks for {value[:20]!r} SCRAM iterations; {_MOST_ITERATIONS} is our limit"
                )
            yield key, value


async def authenticate(
    stream: Stream, features: Any, *, address: Address, password: Callable[[], str], allow_plain: bool
) -> Any:
    """Log in and return the stream features that follow.

    Raises ``LoginRefused``; ``LinkClosed`` for a passing fault of the server; ``ConnectionError``. The deadline is the
    caller's.
    """
    offered = _offered(features)
    mechanism = _choose(offered, address, allow_plain)
    if mechanism is None:
        raise LoginRefused(_no_mechanism(offered, address, allow_plain))
    factory, token = mechanism
    secret = await asyncio.to_thread(password)  # it may read a file or run a command

    async def credentials() -> tuple[str, str]:
        return address.local or "", secret

    try:
        await factory(credentials).authenticate(aiosasl.SASLStateMachine(sasl.SASLXMPPInterface(stream)), token)
    except aiosasl.SASLError as refusal:
        raise _refused(refusal, address) from None
    except (ValueError, KeyError) as problem:
        # The texts of these may hold the password.
        raise LoginRefused(f"login as {address.bare} failed: {type(problem).__name__} in SASL") from None
    return await protocol.reset_stream_and_get_features(stream)


def _offered(features: Any) -> list[str]:
    try:
        mechanisms: list[str] = features[security_layer.SASLMechanisms].get_mechanism_list()
    except KeyError:
        return []
    return mechanisms


def _choose(offered: Iterable[str], address: Address, allow_plain: bool) -> tuple[Any, Any] | None:
    for factory in (_Scram, aiosasl.PLAIN) if allow_plain else (_Scram,):
        token = factory.any_supported(offered)
        if token is not None:
            return factory, token
    return None


def _no_mechanism(offered: list[str], address: Address, allow_plain: bool) -> str:
    names = ", ".join(offered) or "none at all"
    text = f"{address.domain} offers no login mechanism that we accept (it offers: {names}; we accept SCRAM"
    if not allow_plain and "PLAIN" in offered:
        return text + "). PLAIN shows the server the password; set allow_plain = true if that is what you want"
    return text + ")"


def _refused(refusal: Any, address: Address) -> LoginRefused | LinkClosed:
    condition = refusal.opaque_error
    said = f": {refusal.text}" if refusal.text else ""
    if condition in _PASSES:
        return LinkClosed(f"{address.domain} could not check the password now ({condition}{said})")
    if condition is None:
        return LoginRefused(f"login as {address.bare} failed{said or ': the server broke the rules of SASL'}")
    return LoginRefused(
        f"{address.domain} refused the login as {address.bare} ({condition}{said}); check the JID and the password"
    )
