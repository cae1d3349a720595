"""The certificate of the port, which others renew while the bot runs."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Certificate:
    """PEM files of a certificate (with those between it and its CA) and of its key, None: in the same file."""

    cert: Path
    key: Path | None = None
    _context: ssl.SSLContext | None = field(default=None, repr=False)
    _stamp: tuple[float, ...] = ()

    def open(self) -> ssl.SSLContext:
        """For a server. Blocks. Raises ``OSError`` (so is ``ssl.SSLError``) if the files are not as they should be."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        stamp = self._stamps()
        context.load_cert_chain(self.cert, self.key)
        self._context, self._stamp = context, stamp
        return context

    def renew(self) -> None:
        """Use the files again if they have changed, for whoever connects from now on. Blocks."""
        try:
            stamp = self._stamps()
            if self._context is not None and stamp != self._stamp:
                self._stamp = stamp
                self._context.load_cert_chain(self.cert, self.key)
                _log.info("the certificate %s is used as it is now", self.cert)
        except OSError as problem:
            _log.error("the certificate %s cannot be used as it is now: %s", self.cert, problem)

    def _stamps(self) -> tuple[float, ...]:
        return tuple(path.stat().st_mtime for path in (self.cert, self.key) if path is not None)
