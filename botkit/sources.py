"""The source that bots run: where each part came from, what imports what, and how a newer one takes its place.

Python keeps a module that was imported once. To run a changed file, it and whatever imports it must be forgotten first;
what did not change must stay, or two halves of a bot would no longer know each other's classes. What imports what is
read from the source (``import`` and ``from`` statements, wherever they stand); an import by other means is not seen.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
import sysconfig
import typing
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType


@dataclass(frozen=True, slots=True)
class _Source:
    """What a module was made from. ``own``: it was imported for a bot, and by nobody else before."""

    path: Path
    digest: bytes
    imports: frozenset[str]
    own: bool


_sources: dict[str, _Source] = {}
"""By module name. As ``sys.modules`` this belongs to the process, not to a bot."""

_LIBRARIES = tuple(Path(place) for name, place in sysconfig.get_paths().items() if "lib" in name)


class SourceLoader(SourceFileLoader):
    """Compiles from the source each time, and notes it. Bytecode is told from older source by whole seconds only: a
    file that was changed twice within one would run as it was."""

    def get_code(self, fullname: str) -> CodeType:
        """See ``importlib.abc.InspectLoader``."""
        path = self.get_filename(fullname)
        data = self.get_data(path)
        code: CodeType = self.source_to_code(data, path)
        _sources[fullname] = _Source(Path(path), _digest(data), _imports(data, fullname, path), own=True)
        return code


class _Finder:
    """Has what is imported for a bot loaded by ``SourceLoader``, libraries left out."""

    def __init__(self, top: str | None) -> None:
        self._top = top

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See ``importlib.abc.MetaPathFinder``."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader or spec.origin is None:
            return None
        if name.partition(".")[0] != self._top and _is_library(Path(spec.origin)):
            return None
        spec.loader = SourceLoader(name, spec.origin)
        return spec


@contextmanager
def noted(root: str) -> Iterator[None]:
    """While the module ``root`` is imported for a bot: note what it is made from, and what it imports."""
    finder = _Finder(root.partition(".")[0])
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
    _note_closure(root)


@contextmanager
def renewing() -> Iterator[None]:
    """Import anew, inside, what changed since it was imported. If that raises, all is as it was."""
    importlib.invalidate_caches()
    dropped = {name: sys.modules[name] for name in _stale() if name in sys.modules}
    before, sources = set(sys.modules), dict(_sources)
    for name in dropped:
        _drop(name)
    try:
        yield
    except BaseException:
        for name in [name for name in _sources if name in sys.modules and name not in before]:
            _drop(name)
        _sources.clear()
        _sources.update(sources)
        for name, module in dropped.items():
            _put_back(name, module)
        raise


def forget(before: Iterable[str], after: Iterable[str]) -> None:
    """Let go of what only the modules ``before`` needed, and those ``after`` do not: the last step of a change."""
    kept = _closure(after)
    for name in _closure(before) - kept:
        if (source := _sources.get(name)) is not None and source.own:
            _drop(name)
    for clear in getattr(typing, "_cleanups", ()):
        clear()  # typing remembers some hundred of the last ``Context[Settings]``, and with them their modules


def is_current(name: str) -> bool:
    """Is ``name`` imported, and nothing of it, nor of what it imports, changed since?"""
    return name in sys.modules and name in _sources and name not in _stale()


# --- what imports what --------------------------------------------------------------------------------------------


def _stale() -> set[str]:
    """What changed, is gone, or imports such a thing."""
    found = {name for name, source in _sources.items() if _digest_of(source.path) != source.digest}
    while True:
        more = {name for name, source in _sources.items() if name not in found and source.imports & found}
        if not more:
            return found
        found |= more


def _closure(roots: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = [root for root in roots if root in _sources]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [one for one in _sources[name].imports if one in _sources]
    return found


def _note_closure(root: str) -> None:
    """Note what was imported before by somebody else: as it stands in its file now."""
    seen: set[str] = set()
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in sys.modules:
            continue
        seen.add(name)
        if name not in _sources and not _note(name, root):
            continue
        waiting += _sources[name].imports


def _note(name: str, root: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return False
    path = Path(file)
    top = name.partition(".")[0]
    if top == "botkit" or (top != root.partition(".")[0] and _is_library(path)):
        return False
    try:
        data = path.read_bytes()
        _sources[name] = _Source(path, _digest(data), _imports(data, name, file), own=False)
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _imports(data: bytes, name: str, path: str) -> frozenset[str]:
    """Every name that may be a module which the source imports, its own packages among them."""
    package = name if Path(path).name == "__init__.py" else name.rpartition(".")[0]
    found = set(_parents(name))
    for node in ast.walk(ast.parse(data)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found |= {alias.name, *_parents(alias.name)}
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            found |= {base, *_parents(base), *(f"{base}.{alias.name}" for alias in node.names)}
    return frozenset(found - {name, ""})


def _base(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")
    above = above[: len(above) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


# --- the interpreter's own tables ---------------------------------------------------------------------------------


def _drop(name: str) -> None:
    module = sys.modules.pop(name, None)
    _sources.pop(name, None)
    parent, _, last = name.rpartition(".")
    above = sys.modules.get(parent)
    if above is not None and getattr(above, last, None) is module and module is not None:
        delattr(above, last)


def _put_back(name: str, module: ModuleType) -> None:
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], last, module)


def _is_library(path: Path) -> bool:
    own = Path(__file__).parent
    return any(path.is_relative_to(place) for place in (*_LIBRARIES, own))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _digest_of(path: Path) -> bytes | None:
    try:
        return _digest(path.read_bytes())
    except OSError:
        return None
