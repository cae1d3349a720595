"""Modules are found, imported and given settings; whatever is wrong with one is told, and harms nothing else."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from botkit.config.mistakes import ConfigMistakes
from botkit.errors import ConfigError
from botkit.loading import load, merge
from botkit.model.address import Address
from botkit.modules import load_module

LOBBY = Address.parse("lobby@rooms.example.org")
OTHER = Address.parse("other@rooms.example.org")
HEAD = """
[account]
jid = "keeper@example.org"
password = { env = "KEEPER_PASSWORD" }
[[rooms]]
jid = "lobby@rooms.example.org"
[[rooms]]
jid = "other@rooms.example.org"
"""
MODULE = """
from pydantic import BaseModel, Field, SecretStr, model_validator
from botkit.modules import Duration, Module, Secret
from botkit.routing.context import Context
from botkit.routing.router import Router

class Limits(BaseModel):
    most: int = Field(3, ge=1)
    within: Duration = Field("10s", validate_default=True)

class Settings(BaseModel):
    warn_after: int = 2
    words: tuple[str, ...] = ()
    limits: Limits = Limits()
    key: Secret | None = None
    hidden: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def no_thirteen(self):
        if self.warn_after == 13:
            raise ValueError(f"thirteen brings bad luck to {self.hidden.get_secret_value()}")
        return self

router = Router("hello")

@router.command("hello")
async def hello(ctx: Context) -> str:
    return "hello"

module = Module(name="hello", router=router, config=Settings)
"""


def bot(folder: Path, settings: str = "", module: str = MODULE) -> Path:
    (folder / "hello.py").write_text(dedent(module))
    path = folder / "bot.toml"
    path.write_text(HEAD + '[modules.hi]\nuse = "./hello.py"\n' + settings)
    return path


def mistakes(path: Path) -> list[str]:
    with pytest.raises(ConfigMistakes) as caught:
        load(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.mistakes]


def test_overrides_are_merged_key_by_key(tmp_path: Path) -> None:
    loaded = load(
        bot(
            tmp_path,
            """
            words = ["a", "b"]
            limits.most = 5
            [modules.hi.rooms."lobby@rooms.example.org"]
            words = ["c"]
            limits.within = "1m"
            """,
        )
    )
    (module,) = loaded.modules
    base = module.settings_for(None).model_dump()
    here = module.settings_for(LOBBY).model_dump()
    assert (base["words"], base["limits"]["most"]) == (("a", "b"), 5)
    assert (here["words"], here["limits"]["most"], here["limits"]["within"]) == (("c",), 5, "1m")
    assert module.settings_for(OTHER) is module.settings_for(None)
    assert module.settings_for(LOBBY) is module.settings_for(LOBBY)


def test_lists_are_replaced_and_nothing_given_is_changed() -> None:
    base: dict[str, object] = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert merge(base, {"a": {"c": [2]}, "d": {"e": 1}}) == {"a": {"b": 1, "c": [2]}, "d": {"e": 1}}
    assert base == {"a": {"b": 1, "c": [1]}, "d": 1}


def test_a_module_acts_where_the_config_says(tmp_path: Path) -> None:
    (only,) = load(bot(tmp_path, 'only_in = ["lobby@rooms.example.org"]')).modules
    assert [only.active_in(room) for room in (LOBBY, OTHER, None)] == [True, False, True]
    (but,) = load(bot(tmp_path, '[modules.hi.rooms."lobby@rooms.example.org"]\nenabled = false')).modules
    assert [but.active_in(room) for room in (LOBBY, OTHER, None)] == [False, True, True]


def test_a_module_that_is_not_enabled_is_not_even_imported(tmp_path: Path) -> None:
    loaded = load(bot(tmp_path, "enabled = false", "raise RuntimeError('imported')"))
    assert loaded.modules == ()
    assert "modules: none is in use; the bot would do nothing" in loaded.warnings


def test_mistakes_in_settings_of_any_room_are_told_together(tmp_path: Path) -> None:
    path = bot(
        tmp_path,
        """warn_aftr = 3
words = "one"
limits = { most = 0, within = 10 }
[modules.hi.rooms."lobby@rooms.example.org"]
warn_after = "3"
onlyin = []
""",
    )
    assert mistakes(path) == [
        "11: modules.hi.warn_aftr = 3: unknown key; did you mean `warn_after`?",
        '12: modules.hi.words = "one": expected a list',
        "13: modules.hi.limits.most = 0: expected at least 1",
        '13: modules.hi.limits.within = 10: expected a length of time as text, like "90s", "1h30m" or "2d"',
        '15: modules.hi.rooms."lobby@rooms.example.org".warn_after = "3": expected an integer',
        '16: modules.hi.rooms."lobby@rooms.example.org".onlyin = []: unknown key; known here:'
        " warn_after, words, limits, key, hidden, enabled",
    ]


def test_a_validator_of_the_module_cannot_tell_a_secret(tmp_path: Path) -> None:
    (told,) = mistakes(bot(tmp_path, 'warn_after = 13\nhidden = "hunter2-xyzzy"'))
    assert told.endswith("thirteen brings bad luck to ***")


def test_secrets_of_a_module_show_nowhere(tmp_path: Path) -> None:
    loaded = load(bot(tmp_path, 'key = "hunter2-xyzzy"\nhidden = "hunter2-xyzzy"'))
    assert "hunter2" not in repr(loaded) + str(loaded)
    for wrong in (
        'key = ["hunter2-xyzzy"]',
        'hidden = ["hunter2-xyzzy"]',
        'kye = { env = "a", file = "hunter2-xyzzy" }',
    ):
        assert "hunter2" not in str(mistakes(bot(tmp_path, wrong)))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1\nimport no_such_package_at_all", "hello.py:2: ModuleNotFoundError: No module named 'no_such_pack"),
        ("def broken(:\n    pass", "hello.py:1: SyntaxError: "),
        ("def f():\n    return 1 / 0\nf()", "hello.py:2: ZeroDivisionError: division by zero"),
        ("raise SystemExit(7)", "hello.py:1: SystemExit: 7"),
        ("x = 1", "has no Module value called `module`"),
        (MODULE.replace("module = Module", "bot = Module"), 'it has `bot`: write use = "./hello.py:bot"'),
        (MODULE.replace("warn_after: int = 2", "warn_after: int = 2\n    use: str = ''"), "a key called `use`"),
        (MODULE.replace("ctx: Context", "ctx: Context, what: object"), "hello.py:26: "),
        (
            MODULE.replace('command("hello")', 'command("two words")'),
            "hello.py:26: router 'hello': 'two words' is no name",
        ),
        ("\0", "hello.py"),
    ],
)
def test_a_module_that_cannot_work_is_a_mistake_with_file_and_line(tmp_path: Path, source: str, said: str) -> None:
    (told,) = mistakes(bot(tmp_path, "", source))
    assert told.startswith('10: modules.hi.use = "./hello.py": ')
    assert said in told


def test_a_module_that_is_not_there_is_told_with_a_close_one(tmp_path: Path) -> None:
    for use, said in [
        ("bots.keepr", "there is no module bots.keepr; did you mean `bots.keeper`?"),
        ("no_such.thing", "there is no module no_such"),
        ("./nothing.py", "cannot be read: No such file or directory"),
        ("not a path", "expected an import path"),
        ("bots.keeper:nothing", "no Module value called `nothing`; it has `module`"),
    ]:
        with pytest.raises(ConfigError) as caught:
            load_module(use, tmp_path)
        assert said in str(caught.value)


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    (before,) = load(bot(tmp_path)).modules
    (after,) = load(bot(tmp_path, "", MODULE.replace('"hello")\nasync', '"olleh")\nasync'))).modules
    assert [spec.names for spec in before.router.commands] == [("hello",)]
    assert [spec.names for spec in after.router.commands] == [("olleh",)]
    assert not (tmp_path / "__pycache__").exists()


def test_schedules_that_cannot_be_made_are_a_mistake(tmp_path: Path) -> None:
    maker = "\n@router.schedules_from\ndef jobs(config):\n    return [1 / 0]\n"
    (told,) = mistakes(bot(tmp_path, "", MODULE + maker))
    assert "its schedules cannot be made: ZeroDivisionError" in told
