"""Does a request come from who knows the secret?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

_SIGNED = {
    "github": ("x-hub-signature-256",),
    "gitea": ("x-gitea-signature", "x-forgejo-signature", "x-hub-signature-256"),
    "grafana": ("x-grafana-alerting-signature",),
    "json": ("x-signature", "x-signature-256", "x-hub-signature-256"),
}
"""Headers with the HMAC-SHA256 of the body, in hex, with or without ``sha256=`` before it."""

_TOKEN = {"gitlab": "x-gitlab-token"}
_STANDARD = frozenset({"gitlab", "json"})  # where the signature of Standard Webhooks is understood
_OLDEST = 300.0  # seconds
_BEARER = frozenset({"alertmanager", "grafana", "json"})


def proof(format_: str) -> str:
    """What a request of this format has to bring, in words."""
    ways = ["webhook-signature"] if format_ in _STANDARD else []
    ways += [*_SIGNED.get(format_, ())[:1], *([_TOKEN[format_]] if format_ in _TOKEN else [])]
    if format_ in _BEARER:
        ways.append("authorization: bearer")
    return " or ".join(ways)


def is_genuine(format_: str, secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """True if a header of this format proves the secret. A wrong one takes as long as the right one.

    ``now``: seconds since the epoch.
    """
    if format_ in _STANDARD and "webhook-signature" in headers:
        return _is_standard(secret, headers, body, now)
    for name in _SIGNED.get(format_, ()):
        if name in headers:
            claimed = headers[name].strip().lower().removeprefix("sha256=")
            return _same(claimed, hmac.new(secret.encode(), body, hashlib.sha256).hexdigest())
    if format_ in _TOKEN:
        return _same(headers.get(_TOKEN[format_], ""), secret)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return format_ in _BEARER and scheme.lower() == "bearer" and _same(token.strip(), secret)


def _is_standard(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Standard Webhooks: ``v1,`` and the HMAC-SHA256, in base64, of id, time and body; one of several is enough."""
    number, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (at.isascii() and at.isdigit() and len(at) < 16 and abs(now - int(at)) <= _OLDEST):
        return False
    try:
        key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    except binascii.Error:
        return False
    signed = f"{number}.{at}.".encode("utf-8", "surrogateescape") + body
    true = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(_same(one, true) for one in headers["webhook-signature"].split(" ")[:8])


def _same(claimed: str, true: str) -> bool:
    # header values that are not UTF-8 come with surrogates, which cannot be encoded otherwise
    return hmac.compare_digest(claimed.encode("utf-8", "surrogateescape"), true.encode())
