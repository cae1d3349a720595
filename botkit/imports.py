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
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType

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
        return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{name}.".startswith(f"{problem.name}."):
            raise ConfigError(_place(problem)) from None
        raise ConfigError(f"there is no module {problem.name}{_close(problem.name)}") from None
    except (Exception, SystemExit) as problem:
        raise ConfigError(_place(problem)) from None


def import_file(path: Path) -> ModuleType:
    """Run the Python file at ``path`` as a module of its own, from its source each time. Raises ``ConfigError``."""
    path = path.absolute()
    name = f"botkit_file_{zlib.crc32(os.fsencode(path)):08x}_{re.sub(r'[^a-zA-Z0-9_]', '_', path.stem)}"
    loader = SourceFileLoader(name, str(path))
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    module.__file__ = str(path)
    sys.modules[name] = module  # typing.get_type_hints and dataclasses look their module up there
    try:
        # not loader.exec_module: a file that was changed within a second would run from its old bytecode
        exec(loader.source_to_code(loader.get_data(str(path)), str(path)), module.__dict__)
    except OSError as problem:
        del sys.modules[name]
        if problem.filename == str(path):
            raise ConfigError(f"{path} cannot be read: {problem.strerror}") from None
        raise ConfigError(_place(problem)) from None
    except (Exception, SystemExit) as problem:
        del sys.modules[name]
        raise ConfigError(_place(problem)) from None
    return module


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
