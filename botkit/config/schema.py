"""The config file's shape: one model for each table of the TOML."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from botkit.config.hooks import HookConfig
from botkit.config.secrets import Secret
from botkit.config.table import Table
from botkit.config.values import (
    BareJid,
    Duration,
    FilePath,
    HostPort,
    Hours,
    Jid,
    Nick,
    PositiveDuration,
    RoomJid,
    Zone,
)
from botkit.model.address import Address
from botkit.model.rooms import RoomSettings


def _prefixes(value: object) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(
        isinstance(one, str) and one and not any(c.isspace() for c in one) for one in listed
    ):
        raise ValueError('expected one prefix ("!") or a list of them (["!", "."]), without spaces')
    return tuple(listed)


Prefixes = Annotated[
    tuple[str, ...],
    PlainValidator(_prefixes),
    PlainSerializer(list),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}}]}),
]


class AccountConfig(Table):
    """The account that the bot logs in with."""

    jid: BareJid = Field(description="the bot's account, like keeper@example.org")
    password: Secret
    resource: Nick | None = Field(default=None, description="resource to bind; a random one if absent")
    host: str | None = Field(
        default=None, min_length=1, description="connect here instead of asking DNS for SRV records"
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="port on host; 5222, or 5223 for direct TLS")
    tls: Literal["auto", "starttls", "direct"] = Field(
        default="auto", description="how TLS is begun; there is none without it"
    )
    ca_file: FilePath | None = Field(default=None, description="PEM file of the CAs to trust instead of the system's")
    allow_plain: bool = Field(default=False, description="allow SASL PLAIN, which hands the password to the server")
    connect_timeout: PositiveDuration = timedelta(seconds=30)
    request_timeout: PositiveDuration = timedelta(seconds=30)


class RoomConfig(Table):
    """A room to be in. ``nick`` None: the account's local part. ``catch_up`` None: as ``[history]`` says."""

    jid: RoomJid = Field(description="the room, like lobby@rooms.example.org")
    nick: Nick | None = Field(default=None, description="our nick there; the account's name if absent")
    password: Secret | None = Field(default=None, description="the room's password, if it wants one")
    create: bool = Field(default=False, description="create the room if it does not exist")
    catch_up: bool | None = Field(default=None, description="read what was said while the bot was away")
    follow: bool = Field(default=False, description="if it is destroyed and names another in its place, go there")
    prefix: Prefixes | None = Field(default=None, description="what a command begins with here, if not as elsewhere")
    quiet: Hours | None = Field(default=None, description='no notices in these hours, like "22:00-07:00"; "": never')
    timezone: Zone | None = Field(default=None, description="where the room's hours are told")
    digest: Duration | None = Field(default=None, description="notices of so long a time are said in one message")


class ModuleConfig(BaseModel):
    """A module in use. All keys but these four are the module's own settings."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    use: str = Field(min_length=1, description='the module: an import path like "bots.keeper", or a file "./hello.py"')
    enabled: bool = True
    only_in: tuple[RoomJid, ...] | None = Field(
        default=None, description="the rooms where it acts; all rooms if absent"
    )
    rooms: dict[str, dict[str, Any]] = Field(
        default_factory=dict, repr=False, description="settings that differ in a room, by the room's JID"
    )

    def __repr_args__(self) -> Any:
        # a module's settings may hold secrets as plain text; only what is ours is shown
        return [(name, value) for name, value in super().__repr_args__() if name in {"use", "enabled", "only_in"}]

    __str__ = BaseModel.__repr__

    @property
    def settings(self) -> dict[str, object]:
        """The module's own keys, as they stand in the TOML."""
        return dict(self.model_extra or {})


class AccessConfig(Table):
    """Who may do what beyond what rooms say."""

    admins: tuple[Jid, ...] = Field(default=(), description="accounts that may run the bot itself, by bare JID")


class CommandsConfig(Table):
    """How commands are told from talk."""

    prefix: Prefixes = Field(default=("!",), description="what a command begins with in rooms; one or several")
    timezone: Zone = Field(
        default=ZoneInfo("UTC"), description="the clock that times in commands mean, where a client tells no other"
    )


class StorageConfig(Table):
    """Where the bot keeps what it must remember."""

    path: FilePath = Field(default=Path("data/botkit.db"), validate_default=True, description="the SQLite database")
    keep_originals: Duration = Field(
        default=timedelta(days=30), description="how long moderators can read what was retracted or corrected"
    )


class HistoryConfig(Table):
    """Reading rooms' archives for what was said while the bot was away."""

    catch_up: bool = True
    first_catch_up: Duration = Field(
        default=timedelta(days=1), description="how far back to read a room's archive at first"
    )


class OutgoingConfig(Table):
    """How fast the bot speaks, and how much at once. Moderation waits for none of it."""

    room_rate: float = Field(default=2.0, gt=0, le=1000, description="messages a second to one room or account")
    room_burst: int = Field(default=20, ge=1, le=10_000, description="messages at once to one room or account")
    account_rate: float = Field(default=20.0, gt=0, le=10_000, description="messages a second in all")
    account_burst: int = Field(default=60, ge=1, le=100_000, description="messages at once in all")
    max_bytes: int = Field(
        default=4000, ge=200, le=60_000, description="the longest text of one message; longer ones are split"
    )
    queue: int = Field(
        default=100, ge=1, le=100_000, description="messages of one priority that may wait for one room or account"
    )
    loop_guard: bool = Field(default=True, description="stop answering who answers faster than people do")
    quiet: Hours = Field(default="", description='no notices to rooms in these hours, like "22:00-07:00"')
    timezone: Zone = Field(default=ZoneInfo("UTC"), description="where those hours are told")
    digest: Duration = Field(
        default=timedelta(0), description="notices to a room within so long a time are said in one message"
    )


class LogConfig(Table):
    """What the bot writes about its work, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="auto: console at a terminal, else json"
    )


class RuntimeConfig(Table):
    """The process."""

    handler_timeout: PositiveDuration = Field(
        default=timedelta(seconds=60), description="a handler is cancelled after this"
    )
    shutdown_timeout: PositiveDuration = Field(
        default=timedelta(seconds=8), description="how long a stop waits for what is in hand"
    )
    room_silence: PositiveDuration = Field(
        default=timedelta(minutes=15), description="ask a room that was silent for so long whether the bot is still in"
    )
    room_features: PositiveDuration = Field(
        default=timedelta(hours=6), description="ask each room again what it supports after so long"
    )
    health_file: FilePath | None = Field(default=None, description="written while the bot is well, for health checks")
    control: FilePath | None = Field(
        default=None, description="the socket for `botkit status` and `reload`; beside the database if absent"
    )


class HttpConfig(Table):
    """A port for monitoring and webhooks."""

    listen: HostPort | None = Field(
        default=None, description='where to listen, like "127.0.0.1:9090"; nothing listens if absent'
    )
    allow_remote: bool = Field(default=False, description="allow an address that other machines can reach")
    room_labels: bool = Field(default=True, description="tell figures by room; false: only sums over all rooms")
    tls_cert: FilePath | None = Field(default=None, description="PEM file of a certificate: speak HTTPS")
    tls_key: FilePath | None = Field(default=None, description="PEM file of its key, if it is not in the same file")


class Config(Table):
    """A whole config file."""

    account: AccountConfig
    rooms: tuple[RoomConfig, ...] = ()
    modules: dict[str, ModuleConfig] = Field(default_factory=dict)
    access: AccessConfig = AccessConfig()
    commands: CommandsConfig = CommandsConfig()
    storage: StorageConfig = StorageConfig()
    history: HistoryConfig = HistoryConfig()
    outgoing: OutgoingConfig = OutgoingConfig()
    log: LogConfig = LogConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    http: HttpConfig = HttpConfig()
    hooks: dict[str, HookConfig] = Field(default_factory=dict)

    @property
    def control_path(self) -> Path:
        """Where the running bot can be asked."""
        return self.runtime.control or self.storage.path.with_name(f"{self.storage.path.name}.sock")

    def nick_in(self, room: RoomConfig) -> str:
        """Our nick in ``room``: what the config says, else the account's local part."""
        return room.nick or self.account.jid.local or "bot"

    def catches_up(self, room: Address) -> bool:
        """Is the archive of ``room`` to be read after an absence?"""
        for one in self.rooms:
            if one.jid == room and one.catch_up is not None:
                return one.catch_up
        return self.history.catch_up

    def room_settings(self) -> tuple[RoomSettings, ...]:
        """What to ask each room for. Reads the rooms' passwords: blocks, and raises ``ConfigError``."""
        return tuple(
            RoomSettings(
                address=room.jid,
                nick=self.nick_in(room),
                password=room.password.resolve() if room.password is not None else None,
                create=room.create,
                follow=room.follow,
            )
            for room in self.rooms
        )
