"""The first look promises what the exact ones would not find."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.text import disguise, fold, links, lookalikes, normalise, spaced
from botkit.text.disguise import readings_of
from botkit.text.glance import ACCENTS, DISGUISED, LINKS, _may_be_written_otherwise, glance
from botkit.text.scripts import EAST_ASIAN, LATIN, honest, one_script, script_of_each_word
from tests.tricks import TRICKS
from tests.unit.text.test_disguise import DISGUISES, HONEST

_WORDS = [*re.findall(r"\S+", """
casino саѕіпо с а с и н о k1ll pa$$ v!agra 1 2024 a b é ß … ？ ： 。 🎉 👍🏽 ɐɔ Ηello Привет рост и 今日は ｃａｓ مرحبا
ال Ξε кот שלום Linux Б €uro × evil.example evil[.]com evil[punkt]com evil(dot)com hxxp://e.example xmpp:a@b.example?join
αγορά h**p:/ // 10:30 :) ... . : / [ ] ( ) [:] dot - _ @ # don’t “ok” – ﷺ 🅲🅰 🇨🇦 中国 한국 www com рф точка the and
""")]  # fmt: skip
_UNSEEN = [*"\ufe0f\u200d\u200b\u202e\u202c\xa0\u3000\x00\x1f\x85\ud800", "e\u0301"]
_GAPS = [" ", "  ", "\n", ". ", "c a s i n o", " dot ", "[ . ]", " : //"]
_LISTS = st.lists(st.sampled_from([*_WORDS, *_UNSEEN, *_GAPS]), max_size=12)
TEXTS = _LISTS.map("".join) | _LISTS.map(" ".join) | st.text(st.characters())


def keeps_its_promises(text: str) -> None:
    folded, hints = glance(text)
    found = readings_of(text, folded)
    assert hints & DISGUISED or found.disguised == ()
    assert hints & ACCENTS or found.bare == ""
    assert hints & LINKS or tuple(links._links(folded)) == ()


@settings(max_examples=600)
@given(TEXTS)
def test_what_is_not_hinted_at_is_not_there(text: str) -> None:
    keeps_its_promises(text)


@settings(max_examples=600)
@given(TEXTS | st.text(st.sampled_from("ab1206!$|+@ ,.:=–°é€👍ж、\ud800\n")))
def test_gaps_and_signs_are_seen_as_by_an_exact_look(text: str) -> None:
    folded = normalise(text)
    exact = spaced.may_be_spaced(folded) or disguise.has_signs(folded)
    assert _may_be_written_otherwise(folded) == exact


@given(TEXTS)
def test_the_folded_form_is_the_exact_one(text: str) -> None:
    folded = glance(text)[0]
    assert folded == normalise(text) == normalise(folded)
    stripped = text.replace("\ufe0f", "").replace("\u200d", "")
    assert folded == lookalikes.latinised(fold._seen(stripped)), "the short way of one script folds otherwise"


@pytest.mark.parametrize("text", [*DISGUISES, *HONEST, *(trick.xml for trick in TRICKS)])
def test_tricks_are_hinted_at(text: str) -> None:
    keeps_its_promises(text)
    keeps_its_promises(f"and so {text} they say")


@pytest.mark.parametrize("text", DISGUISES)
def test_a_disguise_is_hinted_at(text: str) -> None:
    assert text == "casino" or glance(text)[1] & (DISGUISED | ACCENTS) or "casino" in glance(text)[0]


@pytest.mark.parametrize(
    "text",
    [
        "the build is green again, thanks!",
        "what? no, I don't know. Do you? a b c",
        "see line 12 (of 30)",
        "it’s fine…",
        "Привет, как дела? 12 раз",
        "ok, привет всем на Linux сервере",
        "hi all, مرحبا بالجميع, שלום",
        "Καλημέρα και γεια",
        "今日は良い天気ですね。どう？",
        "gut 👍🏽 gemacht ✌️",
        "> quoted\nanswer, a. Really",
    ],
)
def test_plain_talk_needs_no_second_look(text: str) -> None:
    assert glance(text)[1] == 0


def test_no_letter_of_a_plain_text_stands_for_another_one() -> None:
    """What the first look relies on: such texts have no look-alikes, nothing turned, nothing that runs backwards."""
    looks, _ = lookalikes.capitals()
    foreign, known = lookalikes._foreign()[1], lookalikes._disguises()
    for code in range(0x80, 0x110000):
        letter = chr(code)
        script = one_script(letter)
        if not script:
            continue
        assert one_script(letter.casefold()) == script
        assert unicodedata.is_normalized("NFKC", letter)
        assert not disguise._TURNED.match(letter)
        if script in (LATIN, EAST_ASIAN):
            assert code not in foreign
            assert not looks.match(letter)
        elif honest(letter, script):
            assert code not in known or letter in lookalikes._HONEST, f"{letter} looks like {known[code]}"
        if scripts := script_of_each_word(letter):
            assert scripts == LATIN | script
            assert not looks.match(letter)
            assert letter.isalpha() or code not in known
