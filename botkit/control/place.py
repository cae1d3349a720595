"""The control socket's place in the file system: who holds it, and what is left of one that ended badly.

A lock beside the socket says that its bot lives: the system takes it back however a process ends, ``kill -9`` included.
So whoever gets the lock may clear away what lies there, and whoever does not knows that another bot runs.
"""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from botkit.errors import AlreadyRunning, ControlError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 100
"""Bytes of a path that every system takes for a socket (Linux: 107)."""


class ControlSocket:
    """A bound socket that nobody else has, until ``close``, or the end of ``with``."""

    def __init__(self, path: Path, bound: socket.socket, lock: IO[bytes]) -> None:
        self.path = path
        self.bound = bound
        self._lock = lock

    def __enter__(self) -> ControlSocket:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Take it away, and let another bot have the place. Safe to call more than once."""
        self.bound.close()
        if not self._lock.closed:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
            self._lock.close()


def take(path: Path) -> ControlSocket:
    """Make the socket at ``path``, for its owner only (mode 0600); it listens to nobody yet. Blocks for a moment.

    Raises ``AlreadyRunning`` if a bot has it, ``ControlError`` if it cannot be made there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _locked(path)
    except OSError as problem:
        raise ControlError(f"the control socket {path} cannot be made: {problem.strerror or problem}") from None
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)  # of a bot that is no more: we have its lock
        with short(path) as name:
            bound.bind(name)
        path.chmod(0o600)  # before anybody can connect: it does not listen yet
        bound.setblocking(False)
    except OSError as problem:
        bound.close()
        lock.close()
        raise ControlError(f"the control socket {path} cannot be made: {problem.strerror or problem}") from None
    return ControlSocket(path, bound, lock)


def _locked(path: Path) -> IO[bytes]:
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    lock = os.fdopen(descriptor, "r+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = lock.read(20).decode(errors="replace").strip()
        lock.close()
        raise AlreadyRunning(
            f"another bot{f' (process {other})' if other.isdigit() else ''} has the control socket {path};"
            " stop it first, or give this one a storage.path or runtime.control of its own"
        ) from None
    except OSError:
        lock.close()
        raise
    lock.truncate(0)
    lock.write(str(os.getpid()).encode())
    lock.flush()
    return lock


@contextmanager
def short(path: Path) -> Iterator[str]:
    """A name for ``path`` that fits into a socket's address; a long one goes by way of its open folder (Linux)."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
