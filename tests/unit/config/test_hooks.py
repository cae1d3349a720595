"""``[hooks.NAME]``: what is taken, and what is told of what cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.change import compare
from botkit.errors import ConfigError
from botkit.loading import check_together, load
from botkit.services.hooks.desk import open_hooks

BASE = """\
[account]
jid = "bot@example.org"
password = { env = "BOT_PASSWORD" }
[[rooms]]
jid = "team@rooms.example.org"
[http]
listen = "127.0.0.1:9090"
"""
HOOK = """\
[hooks.rocket]
format = "github"
secret = "s3cr3t"
rooms = ["team@rooms.example.org"]
"""


def write(folder: Path, text: str, name: str = "bot.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text))
    return [one.partition("bot.toml:")[2] for one in caught.value.mistakes]


def test_a_hook_has_sensible_defaults(tmp_path: Path) -> None:
    hook = load(write(tmp_path, BASE + HOOK)).config.hooks["rocket"]
    assert (hook.per_minute, hook.expires, hook.max_bytes, hook.events) == (60, None, 1 << 20, None)
    assert "s3cr3t" not in repr(hook)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HOOK.replace("github", "githup"), "did you mean `github`"),
        (HOOK.replace('secret = "s3cr3t"\n', ""), "hooks.rocket.secret: missing"),
        (HOOK.replace("team@", "tame@"), "no such room in [[rooms]]; did you mean `team@rooms.example.org`?"),
        (HOOK.replace('rooms = ["team@rooms.example.org"]\n', ""), "nobody would hear of it"),
        (HOOK.replace("github", "json"), "hooks.rocket.template: missing"),
        (HOOK.replace("github", "json") + 'template = "x"\nevents = ["x"]', "knows no events"),
        (HOOK.replace("rocket", "Rocket"), "expected a name of small letters"),
        (HOOK + "per_minut = 3", "did you mean `per_minute`?"),
        (HOOK + 'template = "{{ a }"', ':12: hooks.rocket.template = "{{ a }": line 1 of the template: '),
        (HOOK + 'template = """\na\n{% iff x %}"""', "line 2 of the template: Encountered unknown tag 'iff'"),
        (HOOK + 'template = "{{ a | nosuch }}"', "No filter named 'nosuch'"),
        ("tls_key = 'key.pem'\n" + HOOK, "a key belongs to a certificate"),
    ],
)
def test_what_cannot_work_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (found,) = mistakes(tmp_path, BASE + text)
    assert told in f":{found}"
    assert "s3cr3t" not in found


def test_what_should_be_known_is_a_warning(tmp_path: Path) -> None:
    open_to_all = BASE.replace('listen = "127.0.0.1:9090"', 'listen = "0.0.0.0:9090"\nallow_remote = true')
    assert any("without `tls_cert`" in one for one in load(write(tmp_path, open_to_all + HOOK)).warnings)
    silent = BASE.replace('[http]\nlisten = "127.0.0.1:9090"\n', "")
    warnings = load(write(tmp_path, silent + HOOK)).warnings
    assert any("nothing listens" in one for one in warnings)
    assert any(one.startswith("hooks.rocket.secret: a secret stands in the config") for one in warnings)
    assert not any("modules: none is in use" in one for one in warnings)
    missing = load(write(tmp_path, BASE + 'tls_cert = "no.pem"\n' + HOOK)).warnings
    assert any(one.startswith("http.tls_cert: there is no file") for one in missing)


def test_two_bots_of_a_process_cannot_have_the_same_hook(tmp_path: Path) -> None:
    one = load(write(tmp_path, BASE + HOOK, "one.toml"))
    other = load(write(tmp_path, BASE.replace("bot@", "other@") + HOOK, "two.toml"))
    with pytest.raises(ConfigError, match=r"one\.toml and .*two\.toml have the same hook rocket"):
        check_together([one, other])


def test_two_bots_of_a_process_cannot_have_different_certificates_at_one_port(tmp_path: Path) -> None:
    one = load(write(tmp_path, BASE, "one.toml"))
    other = load(write(tmp_path, BASE.replace("bot@", "other@") + 'tls_cert = "a.pem"', "two.toml"))
    with pytest.raises(ConfigError, match="different certificates"):
        check_together([one, other])


def test_a_reload_tells_which_hooks_change(tmp_path: Path) -> None:
    before = load(write(tmp_path, BASE + HOOK + HOOK.replace("rocket", "moon")))
    after = load(write(tmp_path, BASE + HOOK + "per_minute = 5\n" + HOOK.replace("rocket", "mars")))
    change = compare(before, after)
    assert change.told == ("hook rocket: changed", "hook mars: new", "hook moon: no more")
    assert set(change.after.config.hooks) == {"rocket", "mars"}


def test_secrets_are_read_together_and_every_one_that_is_missing_is_told(tmp_path: Path) -> None:
    files = HOOK.replace('"s3cr3t"', '{ file = "rocket" }') + HOOK.replace("rocket", "moon").replace(
        '"s3cr3t"', '{ command = ["false"] }'
    )
    config = load(write(tmp_path, BASE + files)).config
    with pytest.raises(ConfigError) as caught:
        open_hooks(config)
    assert [one.partition(":")[0] for one in caught.value.mistakes] == ["hooks.rocket.secret", "hooks.moon.secret"]
