"""Debian and Ubuntu packages unpacked into a folder without being installed.

apt does the work with its configuration of this machine (mirror, proxy, keys) but with source list, package lists,
status and cache in a folder of ours, so nothing of the system is touched and no right is needed.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from botkit.errors import BotkitError

# What apt's index of a target is named by on each distribution: components that hold Prosody, and the keyring.
_COMPONENTS = {"Debian": "main", "Ubuntu": "main universe"}
_KEYRINGS = {"Debian": "debian-archive-keyring.gpg", "Ubuntu": "ubuntu-archive-keyring.gpg"}
_UPDATE_SECONDS = 180
_DOWNLOAD_SECONDS = 300


class ProsodyUnavailable(BotkitError):
    """Prosody of the wanted generation is neither installed nor to be had; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """The archive that this machine's apt uses: ``origin`` is ``Debian`` or ``Ubuntu``, ``codename`` the release."""

    origin: str
    codename: str
    address: str


def find_mirror() -> Mirror:
    """The machine's own mirror, from ``apt-get indextargets``. Raises ``ProsodyUnavailable`` without apt or mirror."""
    missing = [tool for tool in ("apt-get", "dpkg", "dpkg-query") if shutil.which(tool) is None]
    if missing:
        raise ProsodyUnavailable(f"{', '.join(missing)} not found; install prosody and prosody-modules by hand")
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    mirror = _known_mirror(codename)
    if mirror is None:
        # A new machine or container has sources, but no package lists yet to tell whose they are.
        with tempfile.TemporaryDirectory() as folder:
            lists = ["-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
            for name in ("lists/partial", "cache/archives/partial"):
                (Path(folder) / name).mkdir(parents=True)
            sandbox = ["-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1"]
            run(["apt-get", "-qq", *lists, *sandbox, "update"], seconds=_UPDATE_SECONDS)
            mirror = _known_mirror(codename, *lists)
    if mirror is not None:
        return mirror
    raise ProsodyUnavailable(
        f"apt knows no mirror of Debian or Ubuntu for {codename or 'this release'!r};"
        " run 'apt-get update' or install prosody and prosody-modules by hand"
    )


def _known_mirror(codename: str, *options: str) -> Mirror | None:
    """The mirror of ``codename`` in apt's package lists; None if the lists name none."""
    wanted = "$(ORIGIN)\t$(CODENAME)\t$(REPO_URI)"
    targets = ["indextargets", "--format", wanted, "Created-By: Packages", "Component: main"]
    for line in run(["apt-get", *options, *targets], seconds=60).splitlines():
        origin, _, rest = line.partition("\t")
        suite, _, address = rest.partition("\t")
        if origin in _COMPONENTS and suite == codename:
            return Mirror(origin, codename, address)
    return None


class PrivateApt:
    """apt with lists, status and cache of its own below ``folder``, for ``suites`` of ``mirror``."""

    def __init__(self, folder: Path, mirror: Mirror, suites: Sequence[str]) -> None:
        self.folder = folder
        self.suites = tuple(suites)
        for name in ("lists/partial", "cache/archives/partial", "etc", "packages"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        # An empty status makes apt name everything that is needed, whatever this machine has; see ``unpack``.
        (folder / "status").write_text("")
        keyring = Path("/usr/share/keyrings") / _KEYRINGS[mirror.origin]
        signed = f"[signed-by={keyring}] " if keyring.is_file() else ""
        components = _COMPONENTS[mirror.origin]
        lines = [f"deb {signed}{mirror.address} {suite} {components}\n" for suite in suites]
        (folder / "sources.list").write_text("".join(lines))

    def update(self) -> None:
        """Fetch the suites' package lists (about 9 MB a suite)."""
        self._apt("update", "-o", "APT::Update::Error-Mode=any", seconds=_UPDATE_SECONDS)

    def unpack(self, packages: Sequence[str], root: Path) -> None:
        """Fetch ``packages`` with all that they need to run and unpack it into ``root``.

        Lua's parts are always taken, libraries only where this machine lacks them. The C library never is:
        ours must be as new as the suite asks for.
        """
        names = [name for name in self._closure(packages) if self._is_wanted(name, packages)]
        download = self.folder / "packages"
        self._apt("-t", self.suites[-1], "download", *names, cwd=download, seconds=_DOWNLOAD_SECONDS)
        root.mkdir(parents=True, exist_ok=True)
        for archive in sorted(download.glob("*.deb")):
            run(["dpkg", "-x", str(archive), str(root)], seconds=120)

    def _closure(self, packages: Sequence[str]) -> list[str]:
        answer = self._apt(
            "-t", self.suites[-1], "install", "--no-install-recommends", "--print-uris", *packages, seconds=120
        )
        # Each line: 'address' name_version_architecture.deb size hash
        return [line.split()[1].split("_")[0] for line in answer.splitlines() if line.startswith("'")]

    def _is_wanted(self, name: str, packages: Sequence[str]) -> bool:
        if name in packages or name.startswith(("lua", "liblua")):
            return True
        if not name.startswith("lib") or name.endswith("-perl") or name.startswith("libc6"):
            return False
        answer = subprocess.run(
            ["dpkg-query", "--show", "--showformat", "${db:Status-Status}\n", name],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return "installed" not in answer.stdout.split()

    def _apt(self, *arguments: str, seconds: float, cwd: Path | None = None) -> str:
        folder = self.folder
        options = {
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": folder,
            "Dir::State::lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            # As root apt would fetch as _apt, who may not write into the folder.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Debug::NoLocking": "1",
        }
        settings = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        return run(["apt-get", "-qq", *settings, *arguments], seconds=seconds, cwd=cwd)


def run(
    command: Sequence[str], *, seconds: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run ``command`` and return what it printed. Raises ``ProsodyUnavailable`` if it fails or takes too long."""
    try:
        done = subprocess.run(
            list(command), capture_output=True, text=True, timeout=seconds, check=False, cwd=cwd, env=env
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ProsodyUnavailable(f"{command[0]}: {problem}") from None
    if done.returncode != 0:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        raise ProsodyUnavailable(f"{command[0]} failed ({done.returncode}): {said[-400:]}")
    return done.stdout
