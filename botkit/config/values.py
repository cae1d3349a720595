"""Types of settings that TOML has no word for: lengths of time, addresses, paths."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

from botkit.errors import BadAddress
from botkit.model.address import Address
from botkit.model.durations import format_duration, parse_duration
from botkit.model.quiet import parse_quiet


def base_folder(info: ValidationInfo) -> Path:
    """The folder that relative paths start from: the config file's, else the working directory."""
    context = info.context
    return cast(Path, context["folder"]) if isinstance(context, dict) and "folder" in context else Path.cwd()


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError('expected a length of time as text, like "90s", "1h30m" or "2d"')
    return parse_duration(value)


def _positive(value: object) -> timedelta:
    span = _duration(value)
    if span <= timedelta(0):
        raise ValueError("expected a length of time above nothing")
    return span


_DURATION_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "pattern": r"^\s*\d{1,9} ?(w|d|h|min|ms|m|s)( ?\d{1,9} ?(w|d|h|min|ms|m|s))*\s*$",
        "examples": ["90s", "1h30m", "30d"],
    }
)
Duration = Annotated[timedelta, PlainValidator(_duration), PlainSerializer(format_duration), _DURATION_SCHEMA]
"""A length of time, ``"1h30m"`` in the config; a ``timedelta`` in the program."""

PositiveDuration = Annotated[timedelta, PlainValidator(_positive), PlainSerializer(format_duration), _DURATION_SCHEMA]
"""A ``Duration`` above nothing."""


def _address(value: object) -> Address:
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise ValueError('expected a JID as text, like "name@example.org"')
    try:
        address = Address.parse(value)
    except BadAddress as problem:
        raise ValueError(f"expected a JID like name@example.org ({problem})") from None
    # nameprep lets these pass, yet no host name or address has them: a slip of the pen
    if any(c.isspace() or c in "@\"'<>&" for c in address.domain):
        raise ValueError("expected a JID like name@example.org")
    return address


def _bare(what: str) -> Callable[[object], Address]:
    def check(value: object) -> Address:
        address = _address(value)
        if address.local is None:
            raise ValueError(f"expected {what}, with a part before the @")
        if address.resource is not None:
            raise ValueError(f"expected {what} without a resource (the part after the /)")
        return address

    return check


_JID_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": r"^([^@/]+@)?[^@/]+(/.+)?$", "examples": ["name@example.org"]}
)
_BARE_SCHEMA = WithJsonSchema({"type": "string", "pattern": r"^[^@/]+@[^@/]+$", "examples": ["name@example.org"]})

Jid = Annotated[Address, PlainValidator(_address), PlainSerializer(str), _JID_SCHEMA]
"""Any JID; an ``Address`` in the program."""

BareJid = Annotated[
    Address, PlainValidator(_bare("an account like name@example.org")), PlainSerializer(str), _BARE_SCHEMA
]
"""An account's JID without resource."""

RoomJid = Annotated[
    Address, PlainValidator(_bare("a room like lobby@rooms.example.org")), PlainSerializer(str), _BARE_SCHEMA
]
"""A room's JID without resource."""


def _nick(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a nick as text")
    try:
        return Address.parse("room@example.org").with_resource(value).resource or value
    except BadAddress:
        raise ValueError("expected a nick that can be a JID's resource (RFC 7622 §3.4: at most 1023 bytes)") from None


Nick = Annotated[str, PlainValidator(_nick), WithJsonSchema({"type": "string", "minLength": 1})]
"""A text that can be a JID's resource, prepared."""


def _zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError('expected the name of a time zone, like "Europe/Berlin"')
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, OSError, ValueError):  # not there, or no name that a file can have
        raise ValueError('expected the name of a time zone, like "Europe/Berlin"') from None


Zone = Annotated[
    ZoneInfo,
    PlainValidator(_zone),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "minLength": 1, "examples": ["Europe/Berlin", "UTC"]}),
]
"""A time zone of the IANA database, by name."""


def _hours(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('expected hours as text, like "22:00-07:00"')
    if value.strip():
        parse_quiet(value, ZoneInfo("UTC"))
    return value.strip()


Hours = Annotated[
    str, PlainValidator(_hours), WithJsonSchema({"type": "string", "examples": ["22:00-07:00"]}, mode="validation")
]
"""Hours of a day, or "" for none; see ``model.quiet``."""


def _path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError("expected a path as text")
    return Path(os.path.abspath(base_folder(info) / Path(value).expanduser()))


FilePath = Annotated[
    Path, PlainValidator(_path), PlainSerializer(str), WithJsonSchema({"type": "string", "minLength": 1})
]
"""A path; a relative one starts from the config file's folder."""


_LISTEN = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:\[\]/@]+)):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. ``host`` is a name or an address without brackets; port 0: any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @staticmethod
    def read(value: object) -> Listen | None:
        """``127.0.0.1:9090`` or ``[::1]:9090``; None for what is nothing of the kind."""
        found = _LISTEN.fullmatch(value) if isinstance(value, str) else None
        if found is None or int(found[3]) > 65535:
            return None
        return Listen(found[1] or found[2], int(found[3]))

    @property
    def is_loopback(self) -> bool:
        """True if only this machine can reach it. A name other than ``localhost`` may be anything."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def _listen(value: object) -> Listen:
    found = value if isinstance(value, Listen) else Listen.read(value)
    if found is None:
        raise ValueError('expected an address and a port, like "127.0.0.1:9090" or "[::1]:9090"')
    return found


HostPort = Annotated[
    Listen,
    PlainValidator(_listen),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^(\[[0-9a-fA-F:.]+\]|[^\s:\[\]/@]+):\d{1,5}$"}),
]
"""An address and a port to listen at, ``"127.0.0.1:9090"``; a ``Listen`` in the program."""
