"""Which process is it, and does it live still? Several may share a database, and one may have been killed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_PROC = Path("/proc")


def own_name() -> str:
    """A name for this process that no other ever has: ``boot/pid-namespace/pid/start/random``.

    Where there is no ``/proc`` it tells nothing, and others must rely on its lease.
    """
    return "/".join((*_place(), str(os.getpid()), _started(os.getpid()) or "?", secrets.token_hex(4)))


def is_gone(name: str) -> bool:
    """True if that process surely runs no more; False if it does, or if this cannot be told from here."""
    boot, space, pid, started, *_ = (*name.split("/"), "", "", "", "")
    here = _place()
    if "?" in (boot, space, started) or not pid.isdigit():
        return False
    if boot != here[0]:
        return False  # another machine, or this one before it was started anew: the lease decides
    if space != here[1]:
        return False  # another container, whose processes cannot be seen from here
    return _started(int(pid)) != started


def _place() -> tuple[str, str]:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        space = os.readlink(_PROC / "self/ns/pid").strip("pid:[]")
    except OSError:
        return "?", "?"
    return boot, space


def _started(pid: int) -> str | None:
    try:
        status = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # proc_pid_stat(5): field 22, in ticks since boot; the name in field 2 may have spaces and parentheses
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]
