"""Every error that botkit raises on purpose, as one tree.

::

    BotkitError
    ├── ConfigError            a config, a module or a handler that cannot work; lists every mistake at once
    ├── MisuseError            the caller broke a rule of the library (a bug in a bot)
    ├── BadAddress             a text that is no JID
    ├── BadPayload             what came to a webhook lacks something, or its template cannot make a text of it
    ├── StoreError             the database cannot be opened, read or written
    ├── ControlError           the running bot cannot be asked: its control socket
    │   ├── AlreadyRunning     a bot with the same control socket runs already
    │   └── NotRunning         no bot runs there
    ├── LinkError              something between us and the server
    │   ├── LinkClosed         there is no stream now, or it went away before the answer came; trying again helps
    │   ├── RequestTimeout     the peer did not answer an IQ in time
    │   ├── HostUnknown        the server's name does not resolve
    │   ├── HostUnreachable    no address of the server accepts a connection
    │   ├── CertificateWrong   the server's certificate is not trusted or is for another name
    │   ├── TlsUnavailable     the server offers no TLS; we do not go on without
    │   ├── LoginRefused       the server refused our credentials, or offers no mechanism that we accept
    │   ├── Replaced           another login took our full JID (stream error ``conflict``)
    │   ├── UploadFailed       a file was not taken by the server's upload service
    │   ├── NotYetSaid         it is kept, but was not said in time
    │   └── NotSaid            a notice was refused for good, or replaced, and was not said
    │       └── Expired        it was not said while it was still worth saying
    └── StanzaError            a peer answered with an error stanza; carries ``condition``, ``kind``, ``text``
        ├── Forbidden          ``forbidden``, ``not-allowed``, ``not-authorized``: we lack the right
        ├── ItemNotFound       ``item-not-found``, ``gone``: the thing is not there (any more)
        └── NotSupported       ``service-unavailable``, ``feature-not-implemented``

A message names the thing, the value and the cure. ``retryable`` says whether doing the same again later can help.
"""

from __future__ import annotations

from collections.abc import Sequence


class BotkitError(Exception):
    """Root of the tree; catch it to catch all that botkit raises on purpose."""

    retryable = False


class ConfigError(BotkitError):
    """A config, module or handler that cannot work. ``mistakes`` holds one line of text for each."""

    def __init__(self, mistakes: str | Sequence[str]) -> None:
        self.mistakes: tuple[str, ...] = (mistakes,) if isinstance(mistakes, str) else tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class MisuseError(BotkitError):
    """The caller broke a rule of the library."""


class BadAddress(BotkitError, ValueError):
    """A text that is no JID (RFC 7622)."""


class BadPayload(BotkitError):
    """What came to a webhook lacks something, or its template makes no text of it. The message is for the sender."""

    def __init__(self, text: str, *, retryable: bool = False) -> None:
        super().__init__(text)
        self.retryable = retryable


class StoreError(BotkitError):
    """The database cannot be opened, read or written."""


class ControlError(BotkitError):
    """The running bot cannot be asked, or did not understand: something about its control socket."""


class AlreadyRunning(ControlError):
    """A bot with the same control socket runs already; two must not share one database either."""


class NotRunning(ControlError):
    """No bot answers at this control socket."""


class LinkError(BotkitError):
    """Something between us and the server."""

    retryable = True


class LinkClosed(LinkError):
    """There is no stream now, or it went away before the answer could come."""


class OutboxFull(LinkError):
    """Too much waits to be sent already, to this recipient or at all; nothing of it was taken in."""


class RequestTimeout(LinkError):
    """The peer did not answer an IQ in time; whether it acted is not known."""


class HostUnknown(LinkError):
    """The server's name does not resolve."""


class HostUnreachable(LinkError):
    """The name resolves, but no address of it accepts a connection."""


class CertificateWrong(LinkError):
    """The server's certificate is not trusted, has expired or is for another name."""

    retryable = False


class TlsUnavailable(LinkError):
    """The server offers no TLS, and we do not go on without."""

    retryable = False


class LoginRefused(LinkError):
    """The server refused our credentials, or offers no mechanism that we accept."""

    retryable = False


class Replaced(LinkError):
    """Another login took our full JID; connecting again would only throw that one out (RFC 6120 §4.9.3.3)."""

    retryable = False


class UploadFailed(LinkError):
    """A file was not taken: too large, refused, or lost on its way to the upload service (XEP-0363)."""

    def __init__(self, text: str, *, retryable: bool = False) -> None:
        self.retryable = retryable
        super().__init__(text)


class NotYetSaid(LinkError):
    """A notice is kept, and will be said; but it was not within the time that was waited for it."""


class NotSaid(LinkClosed):
    """A notice was not said, and will not be: ``state`` is ``failed``, ``replaced`` or ``expired``."""

    retryable = False

    def __init__(self, text: str, state: str = "failed") -> None:
        self.state = state
        super().__init__(text)


class Expired(NotSaid):
    """A notice was not said before its expiry."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "expired")


class StanzaError(BotkitError):
    """A peer answered with an error stanza (RFC 6120 §8.3).

    ``condition`` is the defined condition (``forbidden``), ``kind`` the error type
    (``auth``, ``cancel``, ``continue``, ``modify``, ``wait``), ``text`` what the peer
    added for people, or None. ``application`` is an application-specific condition (§8.3.4) as
    ``{namespace}name``, or None. ``where`` is the new address that ``gone`` or ``redirect`` hold
    (§8.3.3.5), as it came, or None.
    """

    def __init__(
        self,
        condition: str,
        kind: str,
        text: str | None = None,
        *,
        who: str | None = None,
        application: str | None = None,
        where: str | None = None,
    ) -> None:
        self.condition = condition
        self.kind = kind
        self.text = text
        self.who = who
        self.application = application
        self.where = where
        said = f" ({text})" if text else ""
        super().__init__(f"{who or 'the peer'} answered {condition}{said}")

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """True where the RFC says that waiting may help: error type ``wait``."""
        return self.kind == "wait"

    @staticmethod
    def of(
        condition: str,
        kind: str,
        text: str | None = None,
        *,
        who: str | None = None,
        application: str | None = None,
        where: str | None = None,
    ) -> StanzaError:
        """The subclass that callers branch on for ``condition``, or a plain ``StanzaError``."""
        kind_of = _BY_CONDITION.get(condition, StanzaError)
        return kind_of(condition, kind, text, who=who, application=application, where=where)


class Forbidden(StanzaError):
    """We lack the right: ``forbidden``, ``not-allowed``, ``not-authorized``."""


class ItemNotFound(StanzaError):
    """The thing is not there, or not any more: ``item-not-found``, ``gone``."""


class NotSupported(StanzaError):
    """The peer does not do this: ``service-unavailable``, ``feature-not-implemented``."""


_BY_CONDITION: dict[str, type[StanzaError]] = {
    "forbidden": Forbidden,
    "not-allowed": Forbidden,
    "not-authorized": Forbidden,
    "item-not-found": ItemNotFound,
    "gone": ItemNotFound,
    "service-unavailable": NotSupported,
    "feature-not-implemented": NotSupported,
}
