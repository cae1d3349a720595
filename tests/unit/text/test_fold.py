"""The folded form: what rules compare."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.text import normalise

ANY = st.text(st.characters())  # lone surrogates, too
HOSTILE = st.text(
    st.sampled_from(
        "aА\u0430е\u0301\u0316\u05b0\u200b\u202e\u00adßİſﬁﷺ\ufdfb㌖ᄀ가ᅡ\u3164\u2800\ufe0f\u200d👍🏽Ⅷ①Ａ。 \n\x1f\ud800"
    )
)


@given(ANY | HOSTILE)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(ANY | HOSTILE)
def test_normalising_makes_a_text_at_most_six_times_as_long(text: str) -> None:
    assert len(normalise(text)) <= 6 * len(text)


def test_every_character_of_unicode_is_normalised_once_and_for_all() -> None:
    for start in range(0, sys.maxunicode, 997):
        text = " ".join(map(chr, range(start, min(start + 997, sys.maxunicode + 1))))
        once = normalise(text)
        assert normalise(once) == once, hex(start)


@pytest.mark.parametrize(
    "disguised",
    [
        "ＣＡＳＩＮＯ",
        "𝐜𝐚𝐬𝐢𝐧𝐨",
        "𝕔𝕒𝕤𝕚𝕟𝕠",
        "𝓬𝓪𝓼𝓲𝓷𝓸",
        "ⓒⓐⓢⓘⓝⓞ",
        "саsinо",
        "ᴄᴀsɪɴᴏ",
        "casιno",
        "ᑕasino",
        "c\u200basino",
        "ca\u00adsino",
        "c\u2060a\u2063sino",
        "casi\u3164no",
        "cas\u2800ino",
        "cas\ufe0fino",
        "ca\U000e0073sino",
        "c\u034fasino",
        "c̷̛a̸s̴i̵n̶o̵",
        "c\u0336a\u0336s\u0336i\u0336n\u0336o\u0336",
        "ca\u202csi\u2069no",
        "CASINO",
    ],
)
def test_a_word_in_other_clothes_is_the_word(disguised: str) -> None:
    assert normalise(disguised) == "casino"


@pytest.mark.parametrize(
    "honest",
    [
        "Größe schön über Straße",
        "où est le cœur, garçon?",
        "¿mañana en España?",
        "zażółć gęślą jaźń",
        "kızıl İstanbul",
        "Tiếng Việt được viết",
        "Съешь ещё этих мягких французских булок",
        "Їжак і ґанок",
        "Ξεσκεπάζω την ψυχοφθόρα",
        "日本語のテキスト、今日は良い",
        "한국어 텍스트",
        "中文文本",
        "שלום עולם",
        "מַה שְּׁלוֹמְךָ",
        "السلام عليكم",
        "हिन्दी में लिखा",
        "ภาษาไทยเขียนอยู่",
        "தமிழ் உரை",
        "Հայերեն տեքստ",
        "ქართული ტექსტი",
    ],
)
def test_honest_writing_keeps_its_letters_and_marks(honest: str) -> None:
    expected = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", honest).casefold())
    assert normalise(honest).replace("\u0307", "") == expected.replace("\u0307", "")


def test_the_letters_of_one_emoji_stay_together_though_their_joiners_go() -> None:
    assert normalise("👨‍👩‍👧 👍🏽 ❤️ 🇩🇪") == "👨👩👧 👍🏽 ❤ 🇩🇪"


def test_every_space_is_one_kind_of_space() -> None:
    assert normalise("a\u00a0b\u3000c\u2028d\u2003e\x85f") == "a b c d e f"
    assert normalise("a\nb\tc") == "a\nb\tc"


@pytest.mark.parametrize(
    "piece",
    [
        "\u0316\u0301\u05b0\u0591",
        "\u200b",
        "ﷺ",
        "ᄀ",
        "\u202e",
        "аa",
        "é\u0301",
        "㌖",
        "\ud800",
        "ß",
        "👨\u200d",
        "Ａ",
        "\u0301a",
    ],
)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    def seconds(length: int) -> float:
        text = "a" + piece * (length // len(piece))
        spent = []
        for _ in range(3):
            begin = time.process_time()
            normalise(text)
            spent.append(time.process_time() - begin)
        return min(spent)

    # Eight times the text may take sixteen times as long; were it quadratic, it would be 64 times.
    assert seconds(262_144) <= 16 * seconds(32_768) + 0.02
