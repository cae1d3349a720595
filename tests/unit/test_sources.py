"""Changed code takes the place of old code: with what imports it, all or nothing, and the old is really gone."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from botkit import sources
from botkit.errors import ConfigError
from botkit.imports import file_module, import_file, module_name
from botkit.modules import load_module

MODULE = """
from pydantic import BaseModel
from botkit.modules import Module
from botkit.routing.context import Context
from botkit.routing.router import Router
from {package}.words import WORD

class Settings(BaseModel):
    word: str = WORD

router = Router("{name}")

@router.command("{name}")
async def command(ctx: Context[Settings]) -> str:
    return WORD

module = Module(name="{name}", router=router, config=Settings)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with two modules; ``one`` and ``two`` each import ``words``, ``alone`` imports nothing."""
    folder = tmp_path / f"pack_{abs(hash(tmp_path)):x}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "words.py").write_text('WORD = "first"\n')
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(MODULE.format(package=folder.name, name=name))
    (folder / "alone.py").write_text(
        MODULE.format(package=folder.name, name="alone").replace(f"from {folder.name}.words import WORD", 'WORD = "x"')
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == folder.name]:
        sources._drop(name)


def test_what_imports_a_changed_helper_is_loaded_anew_and_nothing_else(package: Path) -> None:
    use = f"{package.name}.{{}}".format
    before = {name: load_module(use(name)) for name in ("one", "two", "alone")}
    (package / "words.py").write_text('WORD = "other"\n')  # as long as before, and within the same second
    with sources.renewing():
        after = {name: load_module(use(name)) for name in ("one", "two", "alone")}
    assert after["alone"] is before["alone"]
    assert after["one"] is not before["one"]
    assert after["one"].config().model_dump() == after["two"].config().model_dump() == {"word": "other"}
    assert sys.modules[use("words")] is sys.modules[package.name].words  # type: ignore[attr-defined]  # made at run time


def test_without_a_change_everything_stays_the_same_object(package: Path) -> None:
    before = load_module(f"{package.name}.one")
    with sources.renewing():
        assert load_module(f"{package.name}.one") is before


def test_a_file_that_does_not_load_leaves_all_as_it_was(package: Path) -> None:
    before = load_module(f"{package.name}.one")
    helper = sys.modules[f"{package.name}.words"]
    (package / "words.py").write_text('WORD = "other"\n')
    (package / "one.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(ConfigError, match=r"one\.py:1: ModuleNotFoundError"), sources.renewing():
        load_module(f"{package.name}.one")
    assert load_module(f"{package.name}.one") is before
    assert sys.modules[f"{package.name}.words"] is helper
    (package / "one.py").write_text(MODULE.format(package=package.name, name="one"))
    with sources.renewing():
        assert load_module(f"{package.name}.one").config().model_dump() == {"word": "other"}


def test_a_file_used_by_its_path_is_renewed_with_what_it_imports(package: Path) -> None:
    file = package.parent / "by_path.py"
    file.write_text(MODULE.format(package=package.name, name="by-path"))
    before = import_file(file)
    assert import_file(file) is before
    (package / "words.py").write_text('WORD = "other"\n')
    with sources.renewing():
        after = import_file(file)
    assert after is not before
    assert after.WORD == "other"
    assert module_name("./by_path.py", package.parent) == file_module(file) == after.__name__


def test_of_the_old_code_nothing_is_left_after_twenty_changes(package: Path) -> None:
    name = f"{package.name}.one"
    old = []
    for number in range(20):
        module = load_module(name)
        module.config()
        old += [weakref.ref(module.router), weakref.ref(module.config), weakref.ref(sys.modules[name])]
        del module
        (package / "words.py").write_text(f'WORD = "number {number}"\n')
        with sources.renewing():
            load_module(name)
        sources.forget([name], [name])
    gc.collect()
    assert [one() for one in old if one() is not None] == []
    assert len([one for one in sys.modules if one.startswith(package.name)]) == 3  # the package, the helper, the module


def test_a_module_that_is_used_no_more_is_forgotten_with_its_helper(package: Path) -> None:
    load_module(f"{package.name}.one")
    load_module(f"{package.name}.alone")
    sources.forget([f"{package.name}.one", f"{package.name}.alone"], [f"{package.name}.alone"])
    assert f"{package.name}.one" not in sys.modules
    assert f"{package.name}.words" not in sys.modules
    assert f"{package.name}.alone" in sys.modules
    assert package.name in sys.modules


def test_relative_imports_and_those_inside_functions_count(package: Path) -> None:
    (package / "deep.py").write_text("def late():\n    from .words import WORD\n    return WORD\n")
    text = (package / "one.py").read_text().replace(f"from {package.name}.words", "from . import deep\nfrom .words")
    (package / "one.py").write_text(text)
    before = load_module(f"{package.name}.one")
    (package / "deep.py").write_text("def late():\n    return 1\n")
    with sources.renewing():
        assert load_module(f"{package.name}.one") is not before


def test_botkit_itself_and_libraries_are_never_renewed(package: Path) -> None:
    load_module(f"{package.name}.one")
    assert not [name for name in sources._sources if name.partition(".")[0] in ("botkit", "pydantic", "json")]
