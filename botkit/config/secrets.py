"""Secrets: where they come from, and how they stay out of everything that is printed."""

from __future__ import annotations

import difflib
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import PlainSerializer, PlainValidator, SecretStr, ValidationInfo, WithJsonSchema

from botkit.config.values import base_folder
from botkit.errors import ConfigError

EXPECTED = '{ env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }'
_KINDS = ("env", "file", "command")


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from. Its value is read when ``resolve`` is called and kept nowhere.

    ``where`` is the variable's name, the file's path or the command's words; () for a plain text,
    which is wrapped. ``repr`` and ``str`` show the source, never the value.
    """

    kind: Literal["env", "file", "command", "plain"]
    where: tuple[str, ...] = ()
    folder: Path = field(default=Path(), repr=False)
    plain: SecretStr | None = field(default=None, repr=False)

    def __str__(self) -> str:
        match self.kind:
            case "env":
                return f"environment variable {self.where[0]}"
            case "file":
                return f"file {self.where[0]}"
            case "command":
                return f"command {self.where[0]}"  # its arguments may be secret
        return "plain text"

    def __repr__(self) -> str:
        return f"SecretSource({self})"

    def resolve(self, *, timeout: float = 30.0) -> str:
        """The secret itself. Blocks (a command up to ``timeout`` seconds): call it off the loop, in a thread.

        Raises ``ConfigError`` that names the source, never what came out of it.
        """
        match self.kind:
            case "env":
                value = os.environ.get(self.where[0])
                if value is None:
                    raise ConfigError(f"{self} is not set")
            case "file":
                value = self._read()
            case "command":
                value = self._run(timeout)
            case _:
                value = self.plain.get_secret_value() if self.plain is not None else ""
        if not value:
            raise ConfigError(f"{self} is empty; it should hold a secret")
        return value

    def warning(self) -> str | None:
        """What an operator should know of this source now, without reading the secret; None if all is well."""
        if self.kind == "plain":
            return f"a secret stands in the config itself; better {EXPECTED}"
        if self.kind == "env" and self.where[0] not in os.environ:
            return f"{self} is not set here"
        if self.kind == "file":
            try:
                mode = Path(self.where[0]).stat().st_mode
            except OSError as problem:
                return f"{self} cannot be read here: {problem.strerror}"
            if mode & 0o004:
                return f"{self} can be read by every user of this machine; chmod o-r would cure it"
        return None

    def _read(self) -> str:
        try:
            return Path(self.where[0]).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as problem:
            reason = problem.strerror or type(problem).__name__
        except UnicodeDecodeError:
            reason = "it is not UTF-8 text"  # the exception itself would carry the bytes
        raise ConfigError(f"{self} cannot be read: {reason}")

    def _run(self, timeout: float) -> str:
        try:
            done = subprocess.run(
                self.where,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            reason = f"did not end within {timeout:g} s"
        except (OSError, ValueError) as problem:
            reason = f"cannot be run: {getattr(problem, 'strerror', None) or type(problem).__name__}"
        else:
            if done.returncode == 0:
                try:
                    return (done.stdout.decode("utf-8").splitlines() or [""])[0]
                except UnicodeDecodeError:
                    reason = "printed something that is not UTF-8"
            else:
                reason = f"ended with code {done.returncode}"
        raise ConfigError(f"{self} {reason}")


def _source(value: object, info: ValidationInfo) -> SecretSource:
    folder = base_folder(info)
    if isinstance(value, SecretSource):
        return value
    if isinstance(value, str):
        if not value:
            raise ValueError(f"expected {EXPECTED}, not an empty text")
        return SecretSource("plain", (), folder, SecretStr(value))
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"expected exactly one of {EXPECTED}")
    ((kind, where),) = value.items()
    if kind == "command":
        if not isinstance(where, list) or not where or not all(isinstance(w, str) and w for w in where):
            raise ValueError('expected a command as a list of texts: { command = ["PROGRAM", "ARGUMENT"] }')
        return SecretSource("command", tuple(where), folder)
    if kind not in _KINDS:
        close = difflib.get_close_matches(str(kind), _KINDS, 1)
        raise ValueError(f"expected {EXPECTED}" + (f"; did you mean `{close[0]}`?" if close else ""))
    if not isinstance(where, str) or not where or "\0" in where:
        raise ValueError(f"expected {EXPECTED}")
    if kind == "env":
        return SecretSource("env", (where,), folder)
    return SecretSource("file", (str(folder / Path(where).expanduser()),), folder)


def _shown(source: SecretSource) -> object:
    if source.kind == "plain":
        return "***"
    return {source.kind: list(source.where) if source.kind == "command" else source.where[0]}


def _table(key: str, value: dict[str, object]) -> dict[str, object]:
    return {"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": False}


Secret = Annotated[
    SecretSource,
    PlainValidator(_source),
    PlainSerializer(_shown),
    WithJsonSchema(
        {
            "description": f"a secret: {EXPECTED}",
            "anyOf": [
                _table("env", {"type": "string", "minLength": 1}),
                _table("file", {"type": "string", "minLength": 1}),
                _table("command", {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}),
                {"type": "string", "minLength": 1},
            ],
        }
    ),
]
"""The type of a setting that is secret; gives a ``SecretSource``."""
