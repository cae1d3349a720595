"""TCP and TLS up to the stream features, on the standard library's ``ssl``. There is no way to go on unverified.

The certificate is checked by OpenSSL against the domain of our JID, whatever host SRV or a redirection led to
(RFC 6120 §13.7.2).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from aioxmpp import errors as xmpp_errors
from aioxmpp import nonza, protocol

from botkit.errors import (
    CertificateWrong,
    ConfigError,
    HostUnknown,
    HostUnreachable,
    LinkClosed,
    LinkError,
    TlsUnavailable,
)
from botkit.session.resolve import Target, ascii_domain
from botkit.session.stream import Stream

_log = logging.getLogger(__name__)
_ALPN: Final = "xmpp-client"  # XEP-0368 §3
_TCP_TIMEOUT: Final = 10.0  # seconds for one address

# X509_V_ERR_* of OpenSSL, as ssl gives them in verify_code.
_EXPIRED: Final = 10
_NOT_YET_VALID: Final = 9
_OTHER_NAME: Final = frozenset({62, 64})
_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21})


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """A verifying client context: TLS 1.2 or newer; trusts ``ca_file`` alone, or the system's store if None.

    Raises ``ConfigError`` if the file cannot be used. Reads files: not for the event loop.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as problem:
        raise ConfigError(f"ca_file {ca_file}: {problem}; it must be a PEM file of CA certificates") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def open_stream(
    targets: Sequence[Target],
    domain: str,
    make: Callable[[], Stream],
    *,
    ca_file: Path | None,
    timeout: float,
) -> tuple[Stream, Any]:
    """A verified, encrypted stream to the first of ``targets`` that gives one, and its features.

    ``timeout`` seconds for each. Raises a ``LinkError`` that names all that was tried: the one that retrying cannot
    cure if there was one (``CertificateWrong``, ``TlsUnavailable``), else ``HostUnknown`` or ``HostUnreachable``.
    """
    problems: list[LinkError] = []
    for target in targets:
        context = await asyncio.to_thread(tls_context, ca_file)
        stream = make()
        try:
            async with asyncio.timeout(timeout):
                return stream, await _open(stream, target, domain, context, timeout)
        except BaseException as problem:
            stream.drop()
            if not isinstance(problem, Exception):
                raise
            named = _named(problem, target, domain, timeout)
            _log.info("%s", named)
            problems.append(named)
    raise _sum_up(problems, targets, domain)


async def _open(stream: Stream, target: Target, domain: str, context: ssl.SSLContext, timeout: float) -> Any:
    loop = asyncio.get_running_loop()
    name = ascii_domain(domain)
    connection = await _connect(target)
    try:
        features = stream.features_future()
        if target.direct:
            context.set_alpn_protocols([_ALPN])
            await loop.create_connection(
                lambda: stream, sock=connection, ssl=context, server_hostname=name, ssl_handshake_timeout=timeout
            )
        else:
            await loop.create_connection(lambda: stream, sock=connection)
    except BaseException:
        connection.close()
        raise
    offered = await features
    if target.direct:
        return offered
    await _ask_for_tls(stream, offered, domain)
    await stream.secure(context, name, timeout)
    return await protocol.reset_stream_and_get_features(stream)


async def _connect(target: Target) -> socket.socket:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    refused: list[str] = []
    for family, kind, proto, _, address in found:
        connection = socket.socket(family, kind, proto)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(_TCP_TIMEOUT):
                await loop.sock_connect(connection, address)
        except (OSError, TimeoutError) as problem:
            connection.close()
            refused.append(f"{address[0]}: {_why(problem)}")
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise HostUnreachable(f"cannot connect to {target} ({'; '.join(refused) or 'no address'})")


def _why(problem: OSError) -> str:
    return "no answer in time" if isinstance(problem, TimeoutError) else problem.strerror or type(problem).__name__


async def _ask_for_tls(stream: Stream, offered: Any, domain: str) -> None:
    with contextlib.suppress(KeyError):
        _ = offered[nonza.StartTLSFeature]
        answer = await protocol.send_and_wait_for(
            stream, [nonza.StartTLS()], [nonza.StartTLSFailure, nonza.StartTLSProceed]
        )
        if isinstance(answer, nonza.StartTLSProceed):
            return
        raise TlsUnavailable(f"{domain} offers STARTTLS and refuses it when asked; nothing was sent unencrypted")
    raise TlsUnavailable(f"{domain} offers no TLS; botkit does not log in unencrypted (enable TLS on the server)")


# --- what went wrong, in words ----------------------------------------------------------------------------------


def _named(problem: Exception, target: Target, domain: str, timeout: float) -> LinkError:
    if isinstance(problem, LinkError):
        return problem
    if isinstance(problem, ssl.SSLCertVerificationError):
        return CertificateWrong(_certificate_text(problem, target, domain))
    if isinstance(problem, ssl.SSLError):
        return HostUnreachable(f"the TLS handshake with {target} failed: {problem.reason or problem}")
    if isinstance(problem, socket.gaierror):
        return HostUnknown(f"the name {target.host} does not resolve ({problem.strerror})")
    if isinstance(problem, xmpp_errors.StreamError):
        if problem.condition == xmpp_errors.StreamErrorCondition.HOST_UNKNOWN:
            return HostUnknown(
                f"{target} does not serve {domain} (stream error host-unknown); check the JID and the host"
            )
        return LinkClosed(f"{target} ended the stream: {problem}")
    if isinstance(problem, TimeoutError):
        return HostUnreachable(f"{target} did not answer within {timeout:g} s")
    if isinstance(problem, OSError):
        return HostUnreachable(f"the connection to {target} broke off: {problem.strerror or problem}")
    _log.error("an unexpected fault while connecting to %s", target, exc_info=problem)
    return LinkClosed(f"connecting to {target} failed: {type(problem).__name__}")


def _certificate_text(problem: ssl.SSLCertVerificationError, target: Target, domain: str) -> str:
    code = problem.verify_code
    start = f"the certificate that {target} shows for {domain}"
    if code in _OTHER_NAME:
        return f"{start} is for another name ({problem.verify_message})"
    if code == _EXPIRED:
        return f"{start} has expired"
    if code == _NOT_YET_VALID:
        return f"{start} is not valid yet; is our clock right?"
    if code in _UNTRUSTED:
        return f"{start} is not trusted ({problem.verify_message}); name a private CA with ca_file"
    return f"{start} is wrong ({problem.verify_message})"


def _sum_up(problems: Sequence[LinkError], targets: Sequence[Target], domain: str) -> LinkError:
    for problem in problems:
        if not problem.retryable:
            return problem
    if len(problems) == 1:
        return problems[0]
    tried = ", ".join(map(str, targets)) or "nothing to try"
    kind = HostUnknown if problems and all(isinstance(each, HostUnknown) for each in problems) else HostUnreachable
    return kind(f"no host of {domain} can be reached (tried {tried}): " + "; ".join(map(str, problems)))
