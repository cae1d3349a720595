"""Secrets come from where the config says, and never show."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from botkit.config.secrets import Secret, SecretSource
from botkit.config.validate import validate
from botkit.errors import ConfigError

VALUE = "hunter2-xyzzy"


class Holder(BaseModel):
    key: Secret


def source(value: object, folder: Path = Path()) -> SecretSource:
    holder, errors = validate(Holder, {"key": value}, folder)
    assert holder is not None, errors
    return holder.key


def test_environment_variable_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = source({"env": "BOTKIT_TEST_SECRET"})
    assert secret.warning() == "environment variable BOTKIT_TEST_SECRET is not set here"
    monkeypatch.setenv("BOTKIT_TEST_SECRET", VALUE)
    assert secret.resolve() == VALUE
    assert secret.warning() is None


def test_file_is_found_from_the_folder_of_the_config_and_loses_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{VALUE}\r\n")
    (tmp_path / "password").chmod(0o600)
    secret = source({"file": "password"}, tmp_path)
    assert secret.resolve() == VALUE
    assert secret.warning() is None


def test_file_that_everybody_can_read_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(VALUE)
    (tmp_path / "password").chmod(0o644)
    assert "every user" in (source({"file": "password"}, tmp_path).warning() or "")


def test_first_line_of_a_command_is_the_secret() -> None:
    script = f"print({VALUE!r}); print('more')"
    assert source({"command": [sys.executable, "-c", script]}).resolve() == VALUE


@pytest.mark.parametrize(
    "script",
    [
        f"import sys; print({VALUE!r}); print({VALUE!r}, file=sys.stderr); sys.exit(3)",
        f"import time; print({VALUE!r}, flush=True); time.sleep(60)",
        f"import sys; sys.stdout.buffer.write({VALUE.encode()!r} + bytes([255]))",
        "pass",
    ],
)
def test_errors_of_a_command_name_it_but_neither_output_nor_arguments(script: str) -> None:
    with pytest.raises(ConfigError) as caught:
        source({"command": [sys.executable, "-c", script]}).resolve(timeout=0.5)
    assert sys.executable in str(caught.value)
    assert VALUE not in repr(caught.value) + str(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize(
    "value",
    [{"env": "BOTKIT_TEST_UNSET"}, {"file": "nowhere"}, {"file": "."}, {"command": ["botkit-no-such-program"]}],
)
def test_a_source_that_fails_is_named(value: dict[str, object], tmp_path: Path) -> None:
    secret = source(value, tmp_path)
    with pytest.raises(ConfigError) as caught:
        secret.resolve()
    assert str(secret) in str(caught.value)


def test_file_that_is_not_text_does_not_show_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(VALUE.encode() + b"\xff")
    with pytest.raises(ConfigError) as caught:
        source({"file": "password"}, tmp_path).resolve()
    assert VALUE not in f"{caught.value!r} {caught.value.__context__!r}"


def test_plain_text_works_but_shows_nowhere() -> None:
    holder, _ = validate(Holder, {"key": VALUE}, Path())
    assert holder is not None
    assert holder.key.resolve() == VALUE
    assert "env" in (holder.key.warning() or "")
    shown = [
        repr(holder),
        str(holder),
        f"{holder.key} {holder.key!r}",
        str(holder.model_dump()),
        holder.model_dump_json(),
    ]
    assert not [text for text in shown if VALUE in text]


@pytest.mark.parametrize(
    "value",
    [
        3,
        "",
        {},
        {"env": "A", "file": "b"},
        {"enx": "A"},
        {"env": 3},
        {"command": "pass show"},
        {"command": []},
        [],
        True,
    ],
)
def test_anything_else_is_refused_and_not_quoted(value: object) -> None:
    holder, errors = validate(Holder, {"key": value}, Path())
    assert holder is None
    assert len(errors) == 1
    assert "expected" in errors[0]["msg"]
