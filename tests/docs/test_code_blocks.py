"""What the manual shows is true: Python runs, configs pass, conversations are held, commands exist.

The languages of a fenced block, and what is done with it:

- ``python``: run in order, all of a page in one namespace. One that begins with ``# name.py`` is a file of that name
  beside the page's configs, and is imported. Every router in it must load; its ``test_…`` functions are called.
- ``toml``: checked as ``botkit check`` does it. Without ``[account]`` one is added; ``file=name.toml`` keeps it
  under that name for the commands of the page; ``wrong`` says that it must not pass.
- ``chat``: a conversation with the page's latest module, or with the one of ``use=``; see ``conversation``.
  It has the settings of the page's latest TOML for it.
- ``sh``, ``console``: each command exists, with its options; of ``console`` the lines after ``$``. Those that need no
  server are run, and must print what stands below them; ``…`` stands for anything.
- ``json``, ``xml``: can be parsed. ``text``: nothing.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
import typer

from botkit.cli import app
from botkit.errors import ConfigError
from botkit.modules import RESERVED, Module, load_module
from botkit.routing.plan import check
from botkit.routing.router import Router
from botkit.testing.tester import RoomTester
from tests.docs.conversation import Conversation
from tests.docs.pages import PAGES, ROOT, Block, blocks_of

ACCOUNT = '[account]\njid = "bot@example.org"\npassword = { env = "BOT_PASSWORD" }\n\n'
FILE = re.compile(r"# ([\w-]+\.py)\n")
ELSEWHERE = {  # programs of others that the manual uses
    "apt", "cd", "cp", "curl", "docker", "export", "git", "install", "journalctl", "jq", "mkdir", "pip", "printf",
    "sqlite3", "systemctl", "tail",
}  # fmt: skip
RUN = {"check", "schema", "version"}  # commands of botkit that need neither server nor database


class Page:
    """One page's files, modules and settings, while its blocks are gone through."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace: dict[str, Any] = {"__name__": "page"}
        self.module: Module | None = None
        self.settings: dict[str, dict[str, Any]] = {}  # by what `use` says

    async def take(self, block: Block) -> None:
        """Do with ``block`` what its language says; raises for what is not true in it."""
        match block.language:
            case "python":
                await self._python(block)
            case "toml":
                self._toml(block)
            case "chat":
                await self._chat(block)
            case "sh" | "console":
                for command, output in commands_of(block):
                    self._command(command, output)
            case "json":
                json.loads(block.text)
            case "xml":
                fromstring(f"<page>{block.text}</page>")
            case "text":
                pass
            case other:
                raise AssertionError(f"a block of an unknown language {other!r}; what cannot be run is `text`")

    async def _python(self, block: Block) -> None:
        named = FILE.match(block.text)
        before = dict(self.namespace)
        if named:
            path = self.folder / named[1]
            path.write_text(block.text, encoding="utf-8")
            sys.modules.pop(path.stem, None)
            self.namespace |= vars(importlib.import_module(path.stem))
        else:
            # The lines are counted as on the page, so that a traceback leads there.
            code = compile("\n" * block.line + block.text, str(block.page), "exec")
            exec(code, self.namespace)
        new = {name: value for name, value in self.namespace.items() if before.get(name) is not value}
        for name, value in new.items():
            if isinstance(value, Router):
                assert check(value) == [], name
            if isinstance(value, Module):
                self.module = value
            if name.startswith("test_") and inspect.isfunction(value):
                result = value()
                if inspect.isawaitable(result):
                    await result

    def _toml(self, block: Block) -> None:
        text = block.text if re.search(r"^\[account\]", block.text, re.MULTILINE) else ACCOUNT + block.text
        path = self.folder / block.options.get("file", "page.toml")
        path.write_text(text, encoding="utf-8")
        self._botkit(["check", str(path)], expect=3 if "wrong" in block.options else 0)
        if "wrong" in block.options:
            return
        for table in tomllib.loads(text).get("modules", {}).values():
            self.settings[table["use"]] = {key: value for key, value in table.items() if key not in RESERVED}

    async def _chat(self, block: Block) -> None:
        use = block.options.get("use")
        module = load_module(use, self.folder) if use else self.module
        assert module is not None, "a conversation with nobody: no module stands before it"
        mine = [
            s for used, s in self.settings.items() if used.removesuffix(".py").rsplit("/")[-1].endswith(module.name)
        ]
        config = module.config(**(mine[-1] if mine else {}))
        bot = block.options.get("nick", "bot")
        admins = block.options.get("admin", "").split()
        async with RoomTester(module, config=config, nick=bot, room="lobby@rooms.example.org", admins=admins) as room:
            happened, said = await Conversation(room, bot).hold(block.text)
        assert happened == said

    def _command(self, command: list[str], output: list[str] | None) -> None:
        program, arguments = Path(command[0]).name, command[1:]
        if program == "make":
            targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert [a for a in arguments if "=" not in a and a not in targets] == [], "make has no such target"
        elif program.startswith("python"):
            if arguments[:1] == ["-m"]:
                assert find_spec(arguments[1]) is not None, f"there is no module {arguments[1]}"
        elif program == "botkit":
            known_to_botkit(arguments)
            if output is not None and arguments[0] in RUN:
                self._shown(arguments, output)
        else:
            assert program in ELSEWHERE, f"{program} is no command that the manual may use"

    def _shown(self, arguments: list[str], output: list[str]) -> None:
        got = self._botkit(arguments).replace(str(self.folder.resolve()) + "/", "").rstrip("\n")
        wanted = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", "\n".join(output)))
        assert re.fullmatch(wanted, got, re.DOTALL), f"it prints:\n{got}"

    def _botkit(self, arguments: list[str], expect: int | None = None) -> str:
        """Run a command of botkit in the page's folder; what it printed."""
        lines: list[str] = []
        with pytest.MonkeyPatch.context() as patch, capture() as printed:
            patch.chdir(self.folder)
            try:
                code = app(arguments, standalone_mode=False)
            except ConfigError as problem:
                code, lines = 3, [f"botkit: {line}" for line in problem.mistakes]
        text = "\n".join([*printed, *lines])
        assert expect is None or (code or 0) == expect, text
        return text


@contextmanager
def capture() -> Iterator[list[str]]:
    """What is printed meanwhile, as a list with one text in the end."""
    out = StringIO()
    found: list[str] = []
    with redirect_stdout(out):
        yield found
    found.append(out.getvalue())


def commands_of(block: Block) -> Iterator[tuple[list[str], list[str] | None]]:
    """Each command as words, and the lines that it prints; None where the page does not show them."""
    joined = block.text.replace("\\\n", " ").splitlines()
    if block.language == "sh":
        for line in joined:
            yield from ((words, None) for words in _split(line))
        return
    starts = [number for number, line in enumerate(joined) if line.startswith("$ ")]
    assert starts[:1] == [0], "a console block begins with `$ `"
    for start, end in zip(starts, [*starts[1:], len(joined)], strict=True):
        output = joined[start + 1 : end]
        for words in _split(joined[start][2:]):
            yield words, output or None


def _split(line: str) -> Iterator[list[str]]:
    """The commands of one line, without ``NAME=value`` and redirections; none where it is a comment."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    words.whitespace_split = True
    command: list[str] = []
    skip = False
    for word in [*words, ";"]:
        if word in ("|", "||", "&&", ";", "&"):
            if command:
                yield command
            command = []
        elif word in ("<", ">", ">>"):
            skip = True
        elif skip:
            skip = False
        elif command or not re.fullmatch(r"[A-Z_]+=.*", word):
            command.append(word)


def known_to_botkit(arguments: list[str]) -> None:
    """Check a command line of botkit: the subcommand, its options, and that the arguments suffice."""
    group = typer.main.get_command(app)
    if arguments in ([], ["--help"]):
        return
    command = getattr(group, "commands", {}).get(arguments[0])
    assert command is not None, f"botkit has no command {arguments[0]}"
    if "--help" not in arguments:
        command.make_context(arguments[0], arguments[1:])


@pytest.fixture
def page_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for a page's files, from which they import each other."""
    before: dict[str, ModuleType] = dict(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("BOT_PASSWORD", "GREETER_PASSWORD", "ECHO_PASSWORD", "KEEPER_PASSWORD", "HERALD_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in set(sys.modules) - set(before):
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_blocks_of_a_page_are_true(page: Path, page_folder: Path) -> None:
    there = Page(page_folder)
    for block in blocks_of(page):
        try:
            await there.take(block)
        except Exception as problem:
            problem.add_note(f"in the block at {block}")
            raise
        except SystemExit as problem:
            raise AssertionError(f"{block}: ended with {problem.code}") from None
