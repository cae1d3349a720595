"""Finding or fetching a Prosody of a given generation, installed on the machine or unpacked into a cache."""

from __future__ import annotations

import enum
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from botkit.testing.prosody_apt import Mirror, PrivateApt, ProsodyUnavailable, find_mirror, run

_PACKAGES = ("prosody", "prosody-modules")
# The modules without which no test of ours means anything; both come with Debian's two packages.
_NEEDED_MODULES = ("mod_muc_mam.lua", "mod_muc_moderation/mod_muc_moderation.lua")


class Generation(enum.Enum):
    """A generation of Prosody; the value is how people and the command line name it."""

    V0_12 = "0.12"
    V13 = "13"


# Suites that hold the generation, by distribution; each entry is one attempt. The suite to take Prosody from is the
# last of its entry. The machine's own release is tried first, see ``_attempts``.
_SUITES: dict[Generation, dict[str, list[tuple[str, ...]]]] = {
    Generation.V0_12: {"Debian": [("bookworm",)], "Ubuntu": [("noble",)]},
    Generation.V13: {
        "Debian": [("bookworm", "bookworm-backports"), ("trixie",)],
        "Ubuntu": [("questing",), ("resolute",)],
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProsodyInstall:
    """A Prosody that can be started: ``root`` is ``/`` if installed on the machine, else the unpacked folder."""

    generation: Generation
    version: str
    root: Path

    @property
    def source(self) -> Path:
        """The folder of Prosody's Lua source."""
        return self.root / "usr/lib/prosody"

    @property
    def script(self) -> Path:
        """The ``prosody`` program (a Lua script with the folders of an installed one written into it)."""
        return self.root / "usr/bin/prosody"

    @property
    def lua(self) -> Path:
        """The Lua interpreter that the script asks for in its first line."""
        with self.script.open() as lines:
            return self.root / "usr/bin" / lines.readline().split()[-1].rpartition("/")[2]

    def environment(self) -> dict[str, str]:
        """The environment to start it in: this process's, with Lua's search paths for an unpacked one."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("LUA_", "PROSODY_"))}
        if self.root == Path("/"):
            return environment
        version = self.lua.name.removeprefix("lua")
        library = self.root / "usr/lib"
        folders = [folder.parent.parent for folder in sorted(library.glob(f"*/lua/{version}"))]
        share = self.root / "usr/share/lua" / version
        environment["LUA_PATH"] = f"{share}/?.lua;{share}/?/init.lua"
        environment["LUA_CPATH"] = ";".join(f"{folder}/lua/{version}/?.so" for folder in folders)
        inherited = environment.get("LD_LIBRARY_PATH")
        parts = [str(folder) for folder in folders] + ([inherited] if inherited else [])
        environment["LD_LIBRARY_PATH"] = ":".join(parts)
        return environment


def cache_folder() -> Path:
    """Where unpacked servers are kept: ``BOTKIT_PROSODY_CACHE``, else ``.cache/prosody`` of the project.

    The project is the folder above the package if that is a checkout, else the current one.
    """
    chosen = os.environ.get("BOTKIT_PROSODY_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    checkout = Path(__file__).resolve().parents[2]
    project = checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
    return project / ".cache" / "prosody"


def find_or_fetch(generation: Generation) -> ProsodyInstall:
    """A Prosody of ``generation`` with its community modules: the installed one, the cached one, or a fetched one.

    Fetching (about 10 MB, mostly package lists) happens once; a second process waits for the first. Blocking.
    Raises ``ProsodyUnavailable`` with one line that says what to install.
    """
    installed = _recognise(Path("/"), generation)
    if installed is not None:
        return installed
    folder = cache_folder() / generation.value
    cached = _recognise(folder, generation)
    if cached is not None:
        return cached
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.parent / f"{generation.value}.lock"):
            return _recognise(folder, generation) or _fetch(generation, folder)
    except OSError as problem:
        raise ProsodyUnavailable(
            f"Prosody {generation.value} is not installed and cannot be unpacked: {problem};"
            " install prosody and prosody-modules, or name another folder in BOTKIT_PROSODY_CACHE"
        ) from None


def _recognise(root: Path, generation: Generation) -> ProsodyInstall | None:
    source = root / "usr/lib/prosody"
    try:
        version = (source / "prosody.version").read_text().strip()
    except OSError:
        return None
    install = ProsodyInstall(generation=generation, version=version, root=root)
    matches = version == generation.value or version.startswith(f"{generation.value}.")
    modules = all((source / "modules" / name).is_file() for name in _NEEDED_MODULES)
    return install if matches and modules and install.script.is_file() and install.lua.is_file() else None


def _fetch(generation: Generation, folder: Path) -> ProsodyInstall:
    problems: list[str] = []
    try:
        mirror = find_mirror()
        for suites in _attempts(generation, mirror):
            try:
                return _fetch_from(mirror, suites, generation, folder)
            except ProsodyUnavailable as problem:
                problems.append(f"{'+'.join(suites)}: {problem}")
    except ProsodyUnavailable as problem:
        problems.append(str(problem))
    raise ProsodyUnavailable(
        f"Prosody {generation.value} is not installed and cannot be fetched"
        f" (install the packages prosody and prosody-modules of that version): {'; '.join(problems)}"
    )


def _attempts(generation: Generation, mirror: Mirror) -> list[tuple[str, ...]]:
    known = _SUITES[generation].get(mirror.origin, [])
    own = [suites for suites in known if suites[0] == mirror.codename]
    others = [suites for suites in known if suites not in own]
    # A release that we do not know may hold the generation as well.
    return own + others if own else [*others, (mirror.codename,)]


def _fetch_from(mirror: Mirror, suites: tuple[str, ...], generation: Generation, folder: Path) -> ProsodyInstall:
    with tempfile.TemporaryDirectory(prefix=f".{generation.value}-", dir=folder.parent) as name:
        work = Path(name)
        root = work / "root"
        apt = PrivateApt(work / "apt", mirror, suites)
        apt.update()
        apt.unpack(_PACKAGES, root)
        if _recognise(root, generation) is None:
            raise ProsodyUnavailable(f"holds no Prosody {generation.value} with mod_muc_moderation")
        _check(root, generation)
        # Only a whole, working tree gets the final name; what an earlier crash left there goes.
        shutil.rmtree(folder, ignore_errors=True)
        root.rename(folder)
    whole = _recognise(folder, generation)
    if whole is None:
        raise ProsodyUnavailable(f"{folder} vanished while it was fetched")
    return whole


def _check(root: Path, generation: Generation) -> None:
    """Load each compiled part once: a suite made for a newer C library shows here and not in the first test."""
    install = ProsodyInstall(generation=generation, version="", root=root)
    environment = install.environment()
    environment["LUA_CPATH"] += f";{install.source}/?.so"
    parts = ("socket", "ssl", "lxp", "lfs", "util.encodings", "util.hashes", "util.net", "util.pposix")
    program = "\n".join(f'require "{part}"' for part in parts)
    run([str(install.lua), "-e", program], seconds=30, env=environment)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold ``path`` locked against other processes; the lock goes with the process that holds it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
