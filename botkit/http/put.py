"""Sending a file to where an upload service told us to (XEP-0363 §7)."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from botkit.errors import UploadFailed
from botkit.model.files import Sending, Slot
from botkit.session.connector import tls_context

_CONNECT: Final = 30.0
_SLOWEST: Final = 20_000  # bytes a second; what is slower is given up
_DONE: Final = (200, 201)  # §7: 201; 200 of servers that take a PUT for an update


async def put_file(slot: Slot, sending: Sending, *, ca_file: Path | None) -> None:
    """PUT ``sending`` to ``slot``. No redirects, no proxies of the environment, no headers but those allowed.

    ``ca_file`` as for the account: trusted alone, None: the system's store. Raises ``UploadFailed``, whose
    ``retryable`` says whether another slot may help.
    """
    host = urlsplit(slot.put).hostname
    # aiohttp takes "Cookie" and "cookie" for two names, of which the later replaces the earlier; to §4 they are one
    headers = [(name.title(), value) for name, value in slot.headers]
    headers += [("Content-Type", sending.content_type), ("Content-Length", str(sending.size))]
    timeout = aiohttp.ClientTimeout(total=60 + sending.size / _SLOWEST, sock_connect=_CONNECT)
    context = await asyncio.to_thread(tls_context, ca_file)
    connector = aiohttp.TCPConnector(ssl=context, force_close=True)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout) as session,
            session.put(
                slot.put, data=sending.chunks, headers=headers, allow_redirects=False, skip_auto_headers=("User-Agent",)
            ) as answer,
        ):
            status = answer.status
    except TimeoutError:
        raise UploadFailed(f"{host} did not take the file in time", retryable=True) from None
    except (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError) as problem:
        raise UploadFailed(f"the certificate of {host} is wrong: {problem}") from None
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        raise UploadFailed(f"the file cannot be sent to {host}: {problem}", retryable=True) from None
    if status not in _DONE:
        raise UploadFailed(f"{host} did not take the file: HTTP status {status}", retryable=status >= 500)
