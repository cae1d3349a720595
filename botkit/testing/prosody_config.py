"""The configuration and the accounts of a private Prosody."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_HOST_MODULES = (
    "roster saslauth tls disco smacks carbons ping pep blocklist vcard4 vcard_legacy mam csi time version uptime"
)
_SCRAM = ("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS")
# The least that RFC 7677 §4 allows; more only makes tests slower.
_ITERATIONS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ProsodyOptions:
    """What a private Prosody offers and refuses.

    ``restrict_room_creation``: only ``admins`` (bare JIDs) may create rooms.
    ``max_history``: how many messages a joining occupant is sent at most.
    ``archive_expires_after``: how long rooms and accounts keep archives, as Prosody writes it (``"1w"``, ``"never"``).
    ``archive_limit``: how many messages one room's archive holds.
    ``smacks_hibernation_time``: seconds for which a broken stream can be resumed.
    ``require_encryption``: no login on a stream without TLS. ``offer_tls`` false: STARTTLS is not offered at all.
    ``plain_only``: PLAIN is the only SASL mechanism.
    ``certificate_names``: names in the server's certificate; None: all names it serves.
    ``certificate_trusted`` false: another CA than that in ``ca_file`` signed it. ``certificate_expired``: it ended.
    ``debug``: log everything that is sent and received.
    ``host_config``, ``muc_config``, ``extra_config``: Lua text for the host, the rooms' component, and the global
    section; ``extra_components``: whole components, put last.
    """

    domain: str = "localhost"
    admins: tuple[str, ...] = ()
    restrict_room_creation: bool = False
    max_history: int = 20
    archive_expires_after: str = "never"
    archive_limit: int = 100_000
    smacks_hibernation_time: int = 600
    require_encryption: bool = True
    offer_tls: bool = True
    plain_only: bool = False
    certificate_names: tuple[str, ...] | None = None
    certificate_trusted: bool = True
    certificate_expired: bool = False
    debug: bool = False
    host_config: str = ""
    muc_config: str = ""
    extra_config: str = ""
    extra_components: str = ""

    @property
    def muc(self) -> str:
        """The domain of the rooms."""
        return f"rooms.{self.domain}"

    @property
    def upload(self) -> str:
        """The domain of the upload service (XEP-0363)."""
        return f"upload.{self.domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Ports on loopback: STARTTLS, direct TLS, HTTP and HTTPS."""

    starttls: int
    tls: int
    http: int
    https: int


def render(options: ProsodyOptions, folder: Path, ports: Ports) -> str:
    """The configuration file (Lua) of a server whose certificate, data and log are in ``folder``."""
    return "\n".join(
        (
            _global_section(options, folder, ports),
            options.extra_config,
            f"VirtualHost {_lua(options.domain)}",
            options.host_config,
            f"Component {_lua(options.muc)} 'muc'",
            "modules_enabled = { 'muc_mam', 'muc_moderation' }",
            f"restrict_room_creation = {_lua(options.restrict_room_creation)}",
            f"max_history_messages = {options.max_history}",
            f"muc_log_expires_after = {_lua(options.archive_expires_after)}",
            options.muc_config,
            f"Component {_lua(options.upload)} 'http_file_share'",
            # XEP-0363 §5: "The host MUST provide TLS encrypted URLs". The name is one that resolves everywhere.
            "http_host = 'localhost'",
            f"http_external_url = 'https://localhost:{ports.https}/'",
            options.extra_components,
            "",
        )
    )


def _global_section(options: ProsodyOptions, folder: Path, ports: Ports) -> str:
    modules = _HOST_MODULES.split()
    if not options.offer_tls:
        modules.remove("tls")
    tls = f"{{ certificate = {_lua(folder / 'server.crt')}, key = {_lua(folder / 'server.key')} }}"
    refused = ("DIGEST-MD5", *_SCRAM) if options.plain_only else ("DIGEST-MD5",)
    settings = {
        # Everything is private to the user who runs it, and on loopback; root needs no other account for that.
        "run_as_root": _lua(os.geteuid() == 0),
        "pidfile": _lua(folder / "prosody.pid"),
        "data_path": _lua(folder / "data"),
        "log": f"{{ {{ levels = {{ min = {_lua('debug' if options.debug else 'info')} }},"
        f" to = 'file', filename = {_lua(folder / 'prosody.log')} }} }}",
        "interfaces": "{ '127.0.0.1' }",
        "c2s_ports": f"{{ {ports.starttls} }}",
        "c2s_direct_tls_ports": f"{{ {ports.tls} }}",
        "http_interfaces": "{ '127.0.0.1' }",
        "http_ports": f"{{ {ports.http} }}",
        "https_interfaces": "{ '127.0.0.1' }",
        "https_ports": f"{{ {ports.https} }}",
        "ssl": tls,
        "c2s_direct_tls_ssl": tls,
        "https_ssl": tls,
        "modules_enabled": _table(modules),
        "modules_disabled": "{ 's2s' }",
        "admins": _table(options.admins),
        "allow_registration": "false",
        "authentication": "'internal_hashed'",
        "password_hash": "'SHA-256'",
        "disable_sasl_mechanisms": _table(refused),
        "c2s_require_encryption": _lua(options.require_encryption and options.offer_tls),
        "allow_unencrypted_plain_auth": _lua(not options.offer_tls),
        "storage": "'internal'",
        "storage_archive_item_limit": str(options.archive_limit),
        "archive_expires_after": _lua(options.archive_expires_after),
        "smacks_hibernation_time": str(options.smacks_hibernation_time),
    }
    return "\n".join(f"{key} = {value}" for key, value in settings.items())


def launcher(script: str, source: Path, folder: Path) -> str:
    """The text of the ``prosody`` program with the folders of an installed one replaced by those of this server."""
    folders = {
        "CFG_SOURCEDIR": source,
        "CFG_CONFIGDIR": folder,
        "CFG_PLUGINDIR": f"{source / 'modules'}/",
        "CFG_DATADIR": folder / "data",
    }
    lines = []
    for line in script.splitlines():
        name = line.partition("=")[0].strip()
        lines.append(f"{name} = {_lua(folders[name])};" if name in folders else line)
    return "\n".join(lines) + "\n"


def write_account(data: Path, domain: str, name: str, password: str) -> None:
    """Write an account as mod_auth_internal_hashed stores it (RFC 5802 §3, SHA-256); a running server sees it at once.

    ``data`` is the server's data folder; ``name`` the prepared local part.
    """
    salt = secrets.token_hex(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).hexdigest()
    server = hmac.digest(salted, b"Server Key", "sha256").hex()
    fields = {"iteration_count": _ITERATIONS, "salt": salt, "stored_key": stored, "server_key": server}
    text = "".join(f'\t["{key}"] = {_lua(value)};\n' for key, value in fields.items())
    path = data / _stored_name(domain) / "accounts" / f"{_stored_name(name)}.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".new")
    whole.write_text(f"return {{\n{text}}};\n")
    whole.rename(path)


def _stored_name(name: str) -> str:
    # util.datamanager keeps letters and digits and writes each other byte as %xx in small letters.
    encoded = quote(name, safe="")
    for mark in "_.-~":
        encoded = encoded.replace(mark, f"%{ord(mark):02x}")
    head, *rest = encoded.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)


def _table(values: list[str] | tuple[str, ...]) -> str:
    return "{ " + ", ".join(_lua(value) for value in values) + " }"


def _lua(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    # A JSON string without \u escapes is a Lua string as well.
    return json.dumps(str(value), ensure_ascii=False).replace("\\/", "/")
