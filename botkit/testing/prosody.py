"""A private Prosody on loopback, for tests and demos: real server, real TLS, gone when its block ends.

::

    install = find_or_fetch(Generation.V13)
    async with Prosody(install, accounts={"bot": "secret"}) as server:
        ...  # connect to server.host, server.port; verify with server.ca_file

``python -m botkit.testing.prosody --fetch 0.12 13`` fetches the generations beforehand.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from botkit.errors import BotkitError
from botkit.testing.certificates import Authority
from botkit.testing.prosody_apt import ProsodyUnavailable
from botkit.testing.prosody_config import Ports, ProsodyOptions, launcher, render, write_account
from botkit.testing.prosody_install import Generation, ProsodyInstall, find_or_fetch

__all__ = [
    "Generation",
    "Prosody",
    "ProsodyFailed",
    "ProsodyInstall",
    "ProsodyOptions",
    "ProsodyUnavailable",
    "find_or_fetch",
]

_READY_SECONDS = 20.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.02
_PORT_TAKEN = "Failed to open server port"


class ProsodyFailed(BotkitError):
    """The server did not start, or did not answer in time; the text ends with the last lines of its log."""


class Prosody:
    """One private server process; a context manager, both ``with`` (blocking) and ``async with``.

    The process is stopped by its own id when the block ends, however it ends. Should this process die without
    ending the block, the kernel kills the server (``PR_SET_PDEATHSIG``, set by ``setpriv``) - therefore start it
    from a thread that lives as long as the server is wanted, as the main thread does.

    ``accounts`` maps local parts to passwords. With ``keep`` its folder stays when the block ends.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        install: ProsodyInstall,
        *,
        accounts: Mapping[str, str] | None = None,
        options: ProsodyOptions | None = None,
        keep: bool = False,
    ) -> None:
        self.install = install
        self.options = options or ProsodyOptions()
        self.domain = self.options.domain
        self.muc = self.options.muc
        self.upload = self.options.upload
        self.folder = Path(tempfile.mkdtemp(prefix="botkit-prosody-"))
        self.ca_file = self.folder / "ca.crt"
        self._keep = keep
        self._accounts = dict(accounts or {})
        self._ports: Ports | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port for clients that use STARTTLS."""
        return self._known_ports().starttls

    @property
    def tls_port(self) -> int:
        """The port for clients that use direct TLS (XEP-0368)."""
        return self._known_ports().tls

    @property
    def http_port(self) -> int:
        """The port of the HTTP service without TLS."""
        return self._known_ports().http

    @property
    def https_port(self) -> int:
        """The port of the HTTP service with TLS, where the URLs of uploads point."""
        return self._known_ports().https

    @property
    def pid(self) -> int | None:
        """The process id of the server; None when there is none."""
        return self._process.pid if self._process is not None else None

    @property
    def is_running(self) -> bool:
        """Whether the server's process is there (stopped by ``pause`` counts as there)."""
        return self._process is not None and self._process.poll() is None

    def log_text(self) -> str:
        """All that the server has logged and printed up to now."""
        files = (self.folder / "prosody.log", self.folder / "prosody.out")
        return "".join(file.read_text(errors="replace") for file in files if file.is_file())

    def launch(self) -> None:
        """Start the server and wait until it answers. Blocking. Raises ``ProsodyFailed``."""
        try:
            self._spawn()
            self._wait_ready(_READY_SECONDS)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the server and remove its folder (unless ``keep``). Blocking; a second call does nothing."""
        self._end_process(signal.SIGTERM)
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.launch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def start(self) -> None:
        """``launch`` without blocking the loop."""
        # The spawning itself stays on this thread: the kernel ties the server's life to the thread that spawned it.
        try:
            self._spawn()
            await self.wait_ready()
        except BaseException:
            self.close()
            raise

    async def stop(self) -> None:
        """``close`` without blocking the loop."""
        await asyncio.to_thread(self.close)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def wait_ready(self, seconds: float = _READY_SECONDS) -> None:
        """Wait until the server answers a stream's opening with its features. Raises ``ProsodyFailed``."""
        await asyncio.to_thread(self._wait_ready, seconds)

    async def restart(self) -> None:
        """Stop the server in good order and start it again with the same data, ports and certificates."""
        await asyncio.to_thread(self._end_process, signal.SIGTERM)
        self._spawn()
        await self.wait_ready()

    async def revive(self) -> None:
        """Start the server again after ``kill``, with the same data, ports and certificates."""
        self._spawn()
        await self.wait_ready()

    def kill(self) -> None:
        """End the server's process at once (SIGKILL), as a crash would. The folder stays."""
        self._end_process(signal.SIGKILL)

    def pause(self) -> None:
        """Stop the process in its tracks (SIGSTOP): connections stay open and nothing answers."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT)."""
        self._running().send_signal(signal.SIGCONT)

    async def add_account(self, name: str, password: str) -> str:
        """Create the account ``name`` (or change its password) while the server runs; returns its bare JID."""
        self._accounts[name] = password
        await asyncio.to_thread(write_account, self.folder / "data", self.domain, name, password)
        return f"{name}@{self.domain}"

    def _known_ports(self) -> Ports:
        if self._ports is None:
            raise ProsodyFailed("the server has no ports before it was started")
        return self._ports

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise ProsodyFailed("the server is not running")
        return self._process

    def _spawn(self) -> None:
        if self.is_running:
            raise ProsodyFailed("the server is running already")
        if self._ports is None:
            self._prepare()
        self._write_config()
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise ProsodyFailed("setpriv not found; install the package util-linux")
        install, folder = self.install, self.folder
        command = [setpriv, "--pdeathsig", "KILL", "--", str(install.lua), str(folder / "launch.lua")]
        with (folder / "prosody.out").open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--config", str(folder / "prosody.cfg.lua"), "-F"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=install.environment(),
                # Ctrl-C in a terminal is for the program that uses the server; that one ends the server.
                start_new_session=True,
            )

    def _prepare(self) -> None:
        folder, options = self.folder, self.options
        for name in ("data", "certs"):
            (folder / name).mkdir()
        authority = Authority.create()
        authority.write(self.ca_file)
        signer = authority if options.certificate_trusted else Authority.create("an authority nobody trusts")
        names = options.certificate_names or (self.domain, self.muc, self.upload, "localhost", self.host)
        signer.issue(
            list(dict.fromkeys(names)),
            folder / "server.crt",
            folder / "server.key",
            expired=options.certificate_expired,
        )
        text = launcher(self.install.script.read_text(), self.install.source, folder)
        (folder / "launch.lua").write_text(text)
        for name, password in self._accounts.items():
            write_account(folder / "data", self.domain, name, password)
        self._ports = _free_ports()

    def _write_config(self) -> None:
        text = render(self.options, self.folder, self._known_ports())
        (self.folder / "prosody.cfg.lua").write_text(text)

    def _wait_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                raise ProsodyFailed(f"the server ended before it was ready: {self._log_tail()}")
            if time.monotonic() > deadline:
                raise ProsodyFailed(f"the server was not ready within {seconds:g} s: {self._log_tail()}")
            time.sleep(_POLL_SECONDS)
        # Between choosing a port and opening it another program may have taken it.
        if _PORT_TAKEN in self.log_text():
            raise ProsodyFailed(f"a chosen port was taken by another program: {self._log_tail()}")

    def _answers(self) -> bool:
        """Whether a client's stream is answered with features (RFC 6120 §4.3.2)."""
        opening = (
            f"<?xml version='1.0'?><stream:stream to='{self.domain}' version='1.0' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as probe:
                probe.sendall(opening.encode())
                answer = b""
                while b"</stream:features>" not in answer and b"<stream:features/>" not in answer:
                    part = probe.recv(4096)
                    if not part:
                        return False
                    answer += part
                probe.sendall(b"</stream:stream>")
        except OSError:
            return False
        return True

    def _log_tail(self) -> str:
        return " | ".join(self.log_text().splitlines()[-8:]) or "it logged nothing"

    def _end_process(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
            # A paused process takes no SIGTERM before it goes on.
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        self._process = None


def _free_ports() -> Ports:
    """Four ports that were free a moment ago, outside of the range from which systems give out ports by themselves.

    So no outgoing connection takes one between this and the server's start, or while the server restarts.
    """
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 200):
        with contextlib.suppress(OSError), socket.create_server((Prosody.host, port)):
            found.append(port)
        if len(found) == 4:
            return Ports(starttls=found[0], tls=found[1], http=found[2], https=found[3])
    raise ProsodyFailed("no free ports between 20000 and 32000 on the loopback interface")


def main(arguments: list[str] | None = None) -> int:
    """Fetch the generations that are named; one line for each; 1 if any cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m botkit.testing.prosody", description=main.__doc__)
    values = [generation.value for generation in Generation]
    parser.add_argument("--fetch", nargs="+", choices=values, required=True, metavar="GENERATION")
    status = 0
    for value in parser.parse_args(arguments).fetch:
        try:
            install = find_or_fetch(Generation(value))
        except ProsodyUnavailable as problem:
            print(f"botkit: {problem}", file=sys.stderr)
            status = 1
        else:
            print(f"prosody {value}: {install.version} in {install.root}")
    return status


if __name__ == "__main__":
    sys.exit(main())
