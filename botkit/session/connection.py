"""One account's connection: it stays up until it is closed or until retrying cannot help."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Final
from xml.etree.ElementTree import Element

from aioxmpp import errors as xmpp_errors

from botkit.errors import BotkitError, LinkClosed, LinkError, MisuseError, Replaced
from botkit.model.address import Address
from botkit.model.events import Event, StreamEstablished, StreamLost
from botkit.ports import Clock
from botkit.session.backoff import Backoff
from botkit.session.connector import open_stream
from botkit.session.disco import CAPS, Disco, DiscoInfo, DiscoItem
from botkit.session.engine import Engine
from botkit.session.inbound import Inbound
from botkit.session.login import authenticate
from botkit.session.outgoing import PRESENCE, RawStanza
from botkit.session.race import Interrupted, unless
from botkit.session.requests import Handler, IqRequest, Kind, Requests
from botkit.session.resolve import Target, explicit, redirection, resolve
from botkit.session.settings import ConnectionSettings, Standing, StreamCounters
from botkit.session.stream import Stream

_log = logging.getLogger(__name__)
_CAPS_CHILD: Final = f"{{{CAPS}}}c"
_PING: Final = "urn:xmpp:ping"
_MOST_REDIRECTIONS: Final = 5

__all__ = ["Connection", "ConnectionSettings", "DiscoInfo", "DiscoItem", "StreamCounters"]


class Connection:
    """Keeps one account connected. Construct it in a running loop; ``run`` it once.

    ``on_stanza`` gets every message and presence as an element, in order; ``on_state`` gets ``StreamEstablished`` and
    ``StreamLost``. Both are called on the loop and must return quickly; what they raise is logged and goes no further.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        *,
        on_stanza: Callable[[Element], None],
        on_state: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        address = settings.address
        if address.resource is None:
            address = address.with_resource(f"botkit-{secrets.token_hex(4)}")
        self.settings = settings
        self.client = Engine(address, silence=settings.keepalive, patience=settings.keepalive_timeout)
        self.client.on_session_end = self._session_ended
        self._on_state = on_state
        self._clock = clock
        self._requests = Requests(
            send=self._queue, address=lambda: self.address, serve_timeout=settings.request_timeout
        )
        self._inbound = Inbound(self.client.queue, self._requests, on_stanza)
        self.standing = Standing()
        self._backoff = Backoff(settings.backoff_first, settings.backoff_cap)
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()
        self._started = False
        self._stream: Stream | None = None
        self._paused = False
        self._asking = 0  # requests of ours that are open
        self._redirected: Target | None = None
        self._redirections = 0
        self.disco = Disco(self)
        self.disco.register_feature(_PING)
        self.serve(f"{{{_PING}}}ping", _pong)

    # --- what others use ------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """Our full JID: as the server bound it, before that as configured."""
        return self.client.address

    @property
    def counters(self) -> StreamCounters:
        """How many stanzas passed."""
        return self._inbound.counters()

    async def send(self, element: Element, *, acked: bool = False) -> None:
        """Queue a message or presence. While the connection is away and can be resumed, it waits for that.

        ``acked``: return only once the server has acknowledged it (or, where it does not do XEP-0198, was sent it).
        An available presence gets our caps (XEP-0115). Waits while the socket takes no more. Raises ``LinkClosed`` if
        there is no session, too much is queued, or (``acked``) the session ended first; ``MisuseError`` for what
        XML cannot carry.
        """
        stream = self._stream
        if stream is not None and not stream.writable.is_set():
            await self._until_writable(stream)
        token = self._queue(self._with_caps(element))
        if acked:
            try:
                await token
            except (ConnectionError, RuntimeError) as problem:
                raise LinkClosed(f"it is not known whether the stanza arrived: {problem}") from None

    async def request(
        self, element_payload: Element, *, to: Address | None, kind: Kind, timeout: float | None = None
    ) -> Element | None:
        """Put an IQ to ``to`` (None: our own account) and return the result's payload, None if that is empty.

        Raises ``StanzaError`` by condition, ``RequestTimeout``, ``LinkClosed``.
        """
        limit = self.settings.request_timeout if timeout is None else timeout
        self._asking += 1
        self._throttle()
        try:
            return await self._requests.ask(element_payload, to=to, kind=kind, timeout=limit)
        finally:
            self._asking -= 1
            self._throttle()

    def serve(self, payload_tag: str, handler: Handler) -> Callable[[], None]:
        """Have ``handler`` answer IQ requests with this payload (Clark name); returns what ends that.

        It runs in a task of ``run``, for at most ``request_timeout`` seconds; a ``StanzaError`` refuses the request.
        """
        return self._requests.serve(payload_tag, handler)

    async def disco_info(self, address: Address, node: str | None = None) -> DiscoInfo:
        """See ``Disco.info``."""
        return await self.disco.info(address, node)

    async def disco_items(self, address: Address, node: str | None = None) -> tuple[DiscoItem, ...]:
        """See ``Disco.items``."""
        return await self.disco.items(address, node)

    async def announce(self) -> None:
        """Send our available presence again, with the caps as they are now. Raises ``LinkClosed``."""
        await self.send(Element(PRESENCE))

    def pause_reading(self) -> None:
        """Take nothing more from the server until ``resume_reading``; it and the network hold what comes.

        While a request of ours is open it is read all the same: its answer is in that stream, and a handler that
        waits for it would never get done with what is queued.
        """
        self._paused = True
        self._throttle()

    def resume_reading(self) -> None:
        """Read again."""
        self._paused = False
        self._throttle()

    def _throttle(self) -> None:
        stream = self._stream
        if stream is None:
            return
        if self._paused and not self._asking:
            stream.pause_reading()
        else:
            stream.resume_reading()

    async def close(self) -> None:
        """Say goodbye, flush, end the stream; returns when ``run`` has ended. Within twice ``close_timeout``."""
        self._closing.set()
        if self._started:
            await self._ended.wait()  # run's own deadlines bound this

    # --- staying connected -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Stay connected until ``close``. Raises the ``LinkError`` or ``ConfigError`` that retrying cannot cure."""
        if self._started:
            raise MisuseError("a Connection runs once")
        self._started = True
        fatal: Exception | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                handlers: set[asyncio.Task[None]] = set()

                def spawn(work: Coroutine[Any, Any, None]) -> None:
                    task = tasks.create_task(work)
                    handlers.add(task)
                    task.add_done_callback(handlers.discard)

                self._requests.spawn = spawn
                self.client.alive = True
                try:
                    await self._stay_connected()
                except Exception as problem:
                    fatal = problem  # raised below: a TaskGroup would wrap it
                finally:
                    self._requests.spawn = None
                    for task in tuple(handlers):
                        task.cancel()
        finally:
            self.client.alive = False
            self._ended.set()
        if fatal is not None:
            raise fatal

    async def _stay_connected(self) -> None:
        try:
            while not self._closing.is_set():
                reason = await self._once()
                if reason is None:
                    return
                wait = self._backoff.next()
                self._tell(StreamLost(at=self._clock.now(), reason=str(reason), retry_in=wait))
                await self._or_closing(wait)
        except Exception as problem:
            self._tell(StreamLost(at=self._clock.now(), reason=str(problem), retry_in=None))
            raise
        finally:
            self.client.queue.discard()

    async def _once(self) -> LinkError | None:
        """One connection from beginning to end; what ended it, None if we did. Raises what cannot be cured."""
        try:
            stream, resumed = await unless(self._closing, self._connect())
        except Interrupted:
            return None
        except LinkError as problem:
            if not problem.retryable:
                raise
            return problem
        began = self._clock.monotonic()
        try:
            self._established(resumed)
            with contextlib.suppress(Interrupted):
                await unless(self._closing, _until(stream.closed))
            if self._closing.is_set():
                await self._say_goodbye(stream)
                return None
        finally:
            self._stream = None
            await self.client.detach(stream)
            self._backoff.lasted(self._clock.monotonic() - began)
        return self._lost(stream)

    async def _connect(self) -> tuple[Stream, bool]:
        settings = self.settings
        domain = settings.address.domain
        targets = await self._targets()
        stream, features = await open_stream(
            targets, domain, self._new_stream, ca_file=settings.ca_file, timeout=settings.connect_timeout
        )
        try:
            async with asyncio.timeout(settings.connect_timeout):
                features = await authenticate(
                    stream,
                    features,
                    address=settings.address,
                    password=settings.password,
                    allow_plain=settings.allow_plain,
                )
                stream.trusted = True
                self._stream = stream
                return stream, await self.client.negotiate(stream, features)
        except TimeoutError:
            await self._give_up(stream)
            raise LinkClosed(f"{domain} did not finish the login within {settings.connect_timeout:g} s") from None
        except (ConnectionError, xmpp_errors.StreamNegotiationFailure, xmpp_errors.XMPPError) as problem:
            await self._give_up(stream)
            raise self._lost(stream, problem) from None
        except BaseException as problem:
            await self._give_up(stream)
            if isinstance(problem, BotkitError) or not isinstance(problem, Exception):
                raise
            _log.exception("an unexpected fault in the login")
            raise LinkClosed(
                f"the login failed by a fault of ours ({type(problem).__name__}); see the log"
            ) from problem

    async def _give_up(self, stream: Stream) -> None:
        self._stream = None
        await self.client.detach(stream)

    async def _targets(self) -> list[Target]:
        settings = self.settings
        redirected, self._redirected = self._redirected, None
        if redirected is not None:
            return [redirected]
        if settings.host is not None:
            return explicit(settings.host, settings.port, settings.tls)
        return await resolve(settings.address.domain, settings.tls, timeout=min(10.0, settings.connect_timeout))

    def _new_stream(self) -> Stream:
        return Stream(
            domain=self.settings.address.domain,
            receiver=self._inbound,
            limits=self.settings.limits,
            logger=self.client.logger,
        )

    def _established(self, resumed: bool) -> None:
        self._redirections = 0
        if self._paused and self._stream is not None:
            self._stream.pause_reading()
        if not resumed:
            self._queue(self._with_caps(Element(PRESENCE)))
        self._tell(StreamEstablished(at=self._clock.now(), address=self.address, resumed=resumed))

    def _lost(self, stream: Stream, problem: Exception | None = None) -> LinkError:
        """What the end of ``stream`` means for us. Raises ``Replaced``."""
        fault = stream.fault or problem
        if stream.violation is not None:
            # A resumption would have the server send the offending stanza again, for ever.
            self.client.queue.discard()
            return LinkClosed(f"we ended the stream: {stream.violation}")
        if isinstance(fault, xmpp_errors.StreamError):
            condition = fault.condition.value[1]
            if condition == "conflict":
                raise Replaced(
                    f"another login took {self.address} (stream error conflict); "
                    "give each program a resource of its own, or none"
                )
            if condition == "see-other-host":
                self._redirect(stream.other_host)
            said = f": {fault.text}" if fault.text else ""
            return LinkClosed(f"the server ended the stream ({condition}{said})")
        if isinstance(fault, TimeoutError):
            return LinkClosed("the server was silent for too long")
        if fault is not None and not isinstance(fault, OSError | EOFError):
            _log.error("a fault of ours ended the stream", exc_info=fault)  # it must not pass for the network's
        return LinkClosed(f"the connection was lost ({fault or 'closed by the server'})")

    def _redirect(self, other_host: str | None) -> None:
        # RFC 6120 §4.9.3.19: the certificate is still checked against our own domain.
        self._redirections += 1
        if other_host and self._redirections <= _MOST_REDIRECTIONS:
            self._redirected = redirection(other_host, direct=self.settings.tls == "direct")

    async def _say_goodbye(self, stream: Stream) -> None:
        deadline = self.settings.close_timeout
        with contextlib.suppress(LinkClosed):
            self._queue(Element(PRESENCE, {"type": "unavailable"}))
        queue = self.client.queue
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                while stream.is_open and (queue.waiting or queue.unacked):  # noqa: ASYNC110  the queue has no signal
                    await asyncio.sleep(0.01)
        await self.client.close_session(deadline)

    async def _or_closing(self, seconds: float) -> None:
        with contextlib.suppress(Interrupted):
            await unless(self._closing, self._clock.sleep(seconds))

    def _tell(self, event: Event) -> None:
        self.standing.note(event)
        try:
            self._on_state(event)
        except Exception:
            _log.exception("the receiver of %s raised", type(event).__name__)

    # --- out ----------------------------------------------------------------------------------------------------

    def _queue(self, element: Element) -> Any:
        raw = RawStanza(element)
        queue = self.client.queue
        if queue.waiting + queue.unacked >= self.settings.most_queued:
            raise LinkClosed(f"{self.settings.most_queued} stanzas are waiting for the server already")
        try:
            return self.client.enqueue(raw)
        except ConnectionError:
            raise LinkClosed("there is no connection to the server now") from None

    def _with_caps(self, element: Element) -> Element:
        if element.tag == PRESENCE and element.get("type") is None and element.find(_CAPS_CHILD) is None:
            element.append(self.disco.caps())
        return element

    async def _until_writable(self, stream: Stream) -> None:
        try:
            async with asyncio.timeout(self.settings.request_timeout):
                await stream.writable.wait()
        except TimeoutError:
            raise LinkClosed("the server takes nothing from us") from None

    def _session_ended(self) -> None:
        self._requests.fail_all("the session with the server ended before the answer came")


async def _pong(_request: IqRequest) -> None:
    """XEP-0199 §4: an empty result."""


async def _until(done: asyncio.Future[None]) -> None:
    await asyncio.shield(done)
