"""A config is read whole; every mistake is told at once."""

from __future__ import annotations

import os
import tomllib
import traceback
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.config.load import load_config
from botkit.config.mistakes import ConfigMistakes
from botkit.errors import ConfigError
from botkit.model.address import Address

GOOD = """
[account]
jid = "keeper@example.org"
password = { env = "KEEPER_PASSWORD" }

[[rooms]]
jid = "lobby@rooms.example.org"
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "bot.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def mistakes(folder: Path, text: str | bytes) -> list[str]:
    path = write(folder, text)
    with pytest.raises(ConfigMistakes) as caught:
        load_config(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.mistakes]


def test_a_small_config_has_sensible_defaults(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    room = Address.parse("lobby@rooms.example.org")
    assert config.account.jid == Address.parse("keeper@example.org")
    assert config.rooms[0].jid == room
    assert config.nick_in(config.rooms[0]) == "keeper"
    assert config.commands.prefix == ("!",)
    assert config.storage.path == tmp_path / "data" / "botkit.db"
    assert config.storage.keep_originals == timedelta(days=30)
    assert config.catches_up(room)
    assert config.control_path == tmp_path / "data" / "botkit.db.sock"
    assert config.http.listen is None
    assert config.room_settings()[0].create is False


def test_every_key_is_taken(tmp_path: Path) -> None:
    config = load_config(
        write(
            tmp_path,
            """
            [account]
            jid = "Keeper@Example.org"
            password = { command = ["pass", "show", "keeper"] }
            resource = "bot"
            host = "127.0.0.1"
            port = 5223
            tls = "direct"
            ca_file = "tls/ca.pem"
            allow_plain = true
            connect_timeout = "1m"
            request_timeout = "1m30s"
            [[rooms]]
            jid = "lobby@rooms.example.org"
            nick = "the keeper"
            password = "s3cret"
            create = true
            catch_up = false
            [modules.mine]
            use = "./mine.py"
            enabled = false
            only_in = ["lobby@rooms.example.org"]
            own = "setting"
            [modules.mine.rooms."lobby@rooms.example.org"]
            own = "other"
            [access]
            admins = ["me@example.org"]
            [commands]
            prefix = ["!", "."]
            [storage]
            path = "../bot.db"
            keep_originals = "0s"
            [history]
            catch_up = true
            first_catch_up = "12h"
            [log]
            level = "debug"
            format = "json"
            [runtime]
            handler_timeout = "2m"
            shutdown_timeout = "500ms"
            health_file = "health"
            control = "run/bot.sock"
            [http]
            listen = "0.0.0.0:9090"
            allow_remote = true
            room_labels = false
            """,
        )
    )
    assert config.account.ca_file == tmp_path / "tls" / "ca.pem"
    assert config.account.request_timeout == timedelta(seconds=90)
    assert config.storage.path == tmp_path.parent / "bot.db"
    assert config.modules["mine"].settings == {"own": "setting"}
    assert config.commands.prefix == ("!", ".")
    assert config.control_path == tmp_path / "run" / "bot.sock"
    assert (str(config.http.listen), config.http.room_labels) == ("0.0.0.0:9090", False)
    assert config.room_settings()[0].password == "s3cret"
    assert not config.catches_up(config.rooms[0].jid)
    assert "s3cret" not in repr(config) + str(config) + str(config.model_dump()) + config.model_dump_json()


def test_ten_mistakes_are_ten_lines_with_line_key_value_and_expectation(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        """[account]
jid = "keeper.example.org"
pasword = "hunter2"
port = "5222"
host = "localhost"
tls = "direkt"
[[rooms]]
jid = "lobby@rooms.example.org"
nick = 7
[[rooms]]
jid = "LOBBY@rooms.example.org"
[modules.keeper]
warn_after = 3
[modules.keeper.rooms."loby@rooms.example.org"]
warn_after = 4
[storage]
keep_originals = "30 days"
[acess]
admins = []
""",
    )
    assert found == [
        '2: account.jid = "keeper.example.org": expected an account like name@example.org, with a part before the @',
        "3: account.pasword = ***: unknown key; did you mean `password`?",
        '4: account.port = "5222": expected an integer',
        "6: account.tls = \"direkt\": expected 'auto', 'starttls' or 'direct'; did you mean `direct`?",
        "9: rooms[0].nick = 7: expected a nick as text",
        '11: rooms[1].jid = "LOBBY@rooms.example.org": this room is there already, on line 8',
        '12: modules.keeper.use: missing; expected the module: an import path like "bots.keeper",'
        ' or a file "./hello.py"',
        '14: modules.keeper.rooms."loby@rooms.example.org" = {…}: the config has no such room in [[rooms]];'
        " did you mean `lobby@rooms.example.org`?",
        '17: storage.keep_originals = "30 days": expected a length of time like 90s, 30m, 1h30m or 2d',
        "18: acess = {…}: unknown key; did you mean `access`?",
    ]


def test_a_port_for_others_is_opened_on_purpose_only(tmp_path: Path) -> None:
    for address in ("0.0.0.0:9090", "[::]:9090", "bot.example.org:9090", "192.0.2.7:80"):
        (told,) = mistakes(tmp_path, f'{GOOD}\n[http]\nlisten = "{address}"\n')
        assert told.startswith(f'10: http.listen = "{address}": other machines can reach this address')
    for address in ("127.0.0.1:9090", "[::1]:9090", "localhost:0"):
        config = load_config(write(tmp_path, f'{GOOD}\n[http]\nlisten = "{address}"\n'))
        assert str(config.http.listen) == address


def test_what_is_no_address_to_listen_at_is_told(tmp_path: Path) -> None:
    for wrong in ('"9090"', "9090", '"127.0.0.1"', '"127.0.0.1:99999"', '"::1:9090"', '"a b:1"', '"127.0.0.1:٣"'):
        (told,) = mistakes(tmp_path, f"{GOOD}\n[http]\nlisten = {wrong}\n")
        assert told.endswith('expected an address and a port, like "127.0.0.1:9090" or "[::1]:9090"')


def test_a_port_needs_a_host(tmp_path: Path) -> None:
    text = GOOD.replace("[[rooms]]", "port = 5222\n[[rooms]]", 1)
    assert mistakes(tmp_path, text) == [
        "6: account.port = 5222: a port belongs to a host; set `host`, too, or let DNS say both"
    ]


def test_empty_config_says_what_is_missing(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "") == ["1: account: missing"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[account]\njid = ", "2: not TOML: Invalid value at the end of the file"),
        ("[account]\njid = 'x\n", "2: not TOML: "),
        ("a = 1\n\na = 2\n", "3: not TOML: "),
        (b"[account]\njid = '\xff'\n", "2: not UTF-8 text: byte 0xff"),
        ("a = " + "[" * 5000 + "]" * 5000, "1: not a config: nested deeper"),
        ("a." * 500 + "a = 1", "1: not a config: nested deeper"),
        ("a = " + "9" * 5000, "1: not TOML: "),
        ("a = 0x" + "f" * 20, "1: not TOML: a number of more than 64 bits"),
        ("#" * (2 << 20), "1: not a config: larger than"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, text: str | bytes, line: str) -> None:
    (found,) = mistakes(tmp_path, text)
    assert found.startswith(line)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    locked = write(tmp_path, GOOD)
    locked.chmod(0)
    places: list[tuple[Path, str]] = [(tmp_path, "directory"), (tmp_path / "no.toml", "No such file")]
    if os.geteuid() != 0:
        places.append((locked, "Permission denied"))
    for path, reason in places:
        with pytest.raises(ConfigError, match=reason):
            load_config(path)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    text = "\ufeff" + GOOD.replace("\n", "\r\n")
    assert load_config(write(tmp_path, text)).rooms
    (found,) = mistakes(tmp_path, text + "[logs]\r\n")
    assert found.startswith("8: logs = {}: unknown key; did you mean `log`?")


SECRET = "hunter2-xyzzy"


@pytest.mark.parametrize(
    "text",
    [
        f'[account]\njid = "keeper"\npassword = "{SECRET}"',
        f'[account]\njid = "k@example.org"\npasswort = "{SECRET}"',
        f'[account]\njid = "k@example.org"\npassword = {{ evn = "{SECRET}" }}',
        f'[account]\njid = "k@example.org"\npassword = ["{SECRET}"]',
        f'[account]\njid = "k@example.org"\npassword = {{ command = "{SECRET}" }}',
        f'[account]\njid = "k@example.org"\npassword = "{SECRET}',
        f'[account]\njid = "k@example.org"\npassword = {SECRET}',
        f'password = "{SECRET}"',
        f'[[rooms]]\njid = "r@example.org"\npassword = {{ value = "{SECRET}" }}',
        f'rooms = {{ password = "{SECRET}" }}',
        f'account = [{{ password = "{SECRET}" }}]',
        f'[modules.a]\nuse = 3\napi_token = "{SECRET}"',
    ],
)
def test_no_secret_is_in_any_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigMistakes) as caught:
        load_config(write(tmp_path, text))
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown + repr(caught.value) + repr(caught.value.details)


keys = st.sampled_from(
    ["account", "rooms", "modules", "jid", "password", "use", "only_in", "env", "log", "prefix", "commands", "x", "a b"]
)
leaves = (
    st.integers()
    | st.booleans()
    | st.floats()
    | st.sampled_from(["a@b", "a@b/c", "1h", "", "bots.keeper", "\x07", "\n"])
)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


def inline(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{key}' = {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value) + '"'
    return str(value).lower()


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(keys, trees, max_size=5))
def test_any_toml_is_loaded_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, object]
) -> None:
    text = "\n".join(f"'{key}' = {inline(value)}" for key, value in data.items())
    tomllib.loads(text)
    path = write(tmp_path_factory.getbasetemp(), text)
    with pytest.raises(ConfigMistakes) as caught:  # no account of these has a password and an address
        load_config(path)
    assert all(str(path) in line and "\n" not in line and line.isprintable() for line in caught.value.mistakes)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="[]{}=.,'\"#\\\n\r\t a1-:_", max_size=60).map(str.encode))
def test_any_bytes_raise_nothing_else(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = write(tmp_path_factory.getbasetemp(), data)
    with pytest.raises(ConfigError):
        load_config(path)
