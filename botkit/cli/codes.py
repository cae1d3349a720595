"""Exit codes. 1 is a finding or an unforeseen fault, 2 a wrong command line; a service manager should not
restart a bot that ended with 3 to 7 or 9: trying again cures none of them."""

from __future__ import annotations

from botkit.errors import (
    AlreadyRunning,
    BotkitError,
    CertificateWrong,
    ConfigError,
    Expired,
    LoginRefused,
    NotRunning,
    NotSaid,
    NotYetSaid,
    Replaced,
    StoreError,
    TlsUnavailable,
)

_CODES: tuple[tuple[type[BotkitError], int], ...] = (
    (ConfigError, 3),
    (LoginRefused, 4),
    (CertificateWrong, 5),
    (TlsUnavailable, 6),
    (Replaced, 7),
    (StoreError, 8),
    (AlreadyRunning, 9),
    (NotRunning, 10),
    (NotYetSaid, 11),
    (Expired, 13),
    (NotSaid, 12),
)


def code_of(problem: BotkitError) -> int:
    """The exit code for what ended the program."""
    return next((code for kind, code in _CODES if isinstance(problem, kind)), 1)
