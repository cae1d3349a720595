"""A plugin for pytest: ``pytest --botkit-examples bots/`` runs the examples of every command as tests.

It collects each Python file that has a ``module = Module(…)``, and makes a test of each example that its decorators
carry. With botkit installed pytest knows the plugin; else ``-p botkit.testing.plugin`` names it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # loaded for every run of pytest: what is not asked for is not imported
    from botkit.modules import Module
    from botkit.routing.specs import CommandSpec, Example

_MODULE = re.compile(r"^module\s*(?::[^=\n]+)?=\s*Module\(", re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--botkit-examples``."""
    group = parser.getgroup("botkit")
    group.addoption(
        "--botkit-examples", action="store_true", default=False, help="run the examples of botkit commands as tests"
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ExamplesFile | None:
    """Files with a module in them."""
    if not parent.config.getoption("botkit_examples") or file_path.suffix != ".py":
        return None
    if not _MODULE.search(file_path.read_text(encoding="utf-8", errors="replace")):
        return None
    found: ExamplesFile = ExamplesFile.from_parent(parent, path=file_path)
    return found


class ExamplesFile(pytest.File):
    """The examples of one module."""

    def collect(self) -> Iterator[ExampleItem]:
        """One test for each."""
        from botkit.errors import ConfigError
        from botkit.modules import load_module
        from botkit.testing.examples import examples_of

        try:
            module = load_module(str(self.path))
        except ConfigError as problem:
            raise self.CollectError(str(problem)) from None
        for spec, example in examples_of(module):
            yield ExampleItem.from_parent(self, name=f"!{example.text}", module=module, spec=spec, example=example)


class ExampleItem(pytest.Item):
    """One example."""

    def __init__(self, *, module: Module, spec: CommandSpec, example: Example, **more: Any) -> None:
        super().__init__(**more)
        self._module, self._spec, self._example = module, spec, example

    def runtest(self) -> None:
        """Run it in a room in memory."""
        from botkit.testing.examples import run_example

        asyncio.run(run_example(self._module, self._spec, self._example))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What went wrong, in a line where that says it all."""
        if isinstance(excinfo.value, AssertionError):
            return f"{self._spec.place}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the command stands."""
        line = self._spec.place.rpartition(":")[2]
        return self.path, int(line) - 1 if line.isdigit() else None, self.name
