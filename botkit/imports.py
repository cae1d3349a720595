"""Importing other people's files: whatever goes wrong in them is told with its file and line, and stops nothing."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import pkgutil
import re
import sys
import traceback
import zlib
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import botkit.sources as sources
from botkit.errors import ConfigError

_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def import_path(name: str) -> ModuleType:
    """Import ``bots.keeper``. The working directory is looked in last, so that it shadows nothing.

    Raises ``ConfigError``.
    """
    if not _DOTTED.fullmatch(name):
        raise ConfigError(f'{name!r} is no module; expected an import path like "bots.keeper" or a file "./hello.py"')
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        with sources.noted(name):
            return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{name}.".startswith(f"{problem.name}."):
            raise ConfigError(_place(problem)) from None
        raise ConfigError(f"there is no module {problem.name}{_close(problem.name)}") from None
    except (Exception, SystemExit) as problem:
        raise ConfigError(_place(problem)) from None


def import_file(path: Path) -> ModuleType:
    """Run the Python file at ``path`` as a module of its own; the same module again while nothing of it changed.

    Raises ``ConfigError``.
    """
    path = path.absolute()
    name = file_module(path)
    if sources.is_current(name):
        return sys.modules[name]
    loader = sources.SourceLoader(name, str(path))
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    module.__file__ = str(path)
    sys.modules[name] = module  # typing.get_type_hints and dataclasses look their module up there
    try:
        with sources.noted(name):
            loader.exec_module(module)
    except OSError as problem:
        sys.modules.pop(name, None)
        if problem.filename == str(path):
            raise ConfigError(f"{path} cannot be read: {problem.strerror}") from None
        raise ConfigError(_place(problem)) from None
    except (Exception, SystemExit) as problem:
        sys.modules.pop(name, None)
        raise ConfigError(_place(problem)) from None
    return module


def module_name(use: str, folder: Path) -> str:
    """The name in ``sys.modules`` of what ``use`` means in a config in ``folder``."""
    where = use.partition(":")[0]
    return file_module(folder / Path(where).expanduser()) if where.endswith(".py") else where


def file_module(path: Path) -> str:
    """The name of the module that a file becomes."""
    path = path.absolute()
    return f"botkit_file_{zlib.crc32(os.fsencode(path)):08x}_{re.sub(r'[^a-zA-Z0-9_]', '_', path.stem)}"


def _place(problem: BaseException) -> str:
    """``file:line: Kind: text`` of the innermost frame that is not the import machinery's."""
    text = f"{type(problem).__name__}: {problem}"
    if isinstance(problem, ConfigError):
        text = str(problem)
    if isinstance(problem, SyntaxError) and problem.filename:
        return f"{problem.filename}:{problem.lineno or 1}: {type(problem).__name__}: {problem.msg}"
    frames = [
        frame
        for frame in traceback.extract_tb(problem.__traceback__)
        if not frame.filename.startswith("<frozen") and frame.filename != __file__ and "importlib" not in frame.filename
    ]
    own = [frame for frame in frames if os.sep + "site-packages" + os.sep not in frame.filename and not _ours(frame)]
    where = (own or frames)[-1:]
    return f"{where[0].filename}:{where[0].lineno}: {text}" if where else text


def _ours(frame: traceback.FrameSummary) -> bool:
    return Path(frame.filename).is_relative_to(Path(__file__).parent)


def _close(name: str) -> str:
    parent, _, last = name.rpartition(".")
    try:
        folder = importlib.import_module(parent).__path__ if parent else None
    except (ImportError, AttributeError):
        return ""
    names = [found.name for found in pkgutil.iter_modules(folder)]
    close = difflib.get_close_matches(last, names, 1)
    return f"; did you mean `{parent + '.' if parent else ''}{close[0]}`?" if close else ""
