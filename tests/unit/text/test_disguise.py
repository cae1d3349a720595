"""The readings in which a word may hide; and what honest people write, which must not be read as something else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.text import closed_up, readings

DISGUISES = [
    "casino",
    "саѕіпо",
    "сasіnо",
    "ᴄᴀꜱɪɴᴏ",
    "CAS1NO",
    "c@sin0",
    "ca$ino",
    "c4s1n0",
    "c@$1n0!",
    "CА5INO",
    "\u202eonisac\u202c",
    "ouısɐɔ",
    "🅲🅰🆂🅸🅽🅾",
    "🇨🇦🇸🇮🇳🇴",
    "ᑕᗩᔕIᑎO",
    "ꓚꓮꓢꓲꓠꓳ",
    "c a s i n o",
    "c.a.s.i.n.o",
    "c - a - s - i - n - o",
    "c_a_s_i_n_o",
    "c\na\ns\ni\nn\no",
    "c  a   s i n   o",
    "c🎉a🎉s🎉i🎉n🎉o",
    "c*a*s*i*n*o",
    "с а s і n о",
    "c.4.s.1.n.0",
    "cäsìnò",
    "ĉašinø",
    "cásino",
    "cas\u0650ino",
    "🅲asino",
    "c̲̅a̲̅s̲̅i̲̅n̲̅o̲̅",
    "ᏟASINO",
    "caｓino",
    "C\u200b A\u200b S\u200b I\u200b N\u200b O",
    "c•a•s•i•n•o",
]


@pytest.mark.parametrize("text", DISGUISES)
def test_a_word_in_disguise_is_read(text: str) -> None:
    found = (*readings(f"free {text} here").all, *readings(text).all)
    assert any("casino" in form for form in found)


@pytest.mark.parametrize(
    ("text", "word"),
    [("Ηello", "hello"), ("🅱️itcoin", "bitcoin"), ("pa$$word", "password"), ("b00bs", "boobs"), ("casin0", "casino"),
     ("v!agra", "viagra"),
     ("1ove", "love"), ("k1ll", "kill"), ("ki11", "kill"), ("Раssword", "password"), ("ŧěĺěĝřàm", "telegram")],
)  # fmt: skip
def test_signs_and_digits_are_read_as_letters(text: str, word: str) -> None:
    assert any(word in form for form in readings(text).all)


HONEST = [
    "the build is green again, thanks!",
    "I am a bot",
    "a b c",
    "see #5 and 10:30",
    "2024-05-01 12:00",
    "it's 100% ok!",
    "Привет, как дела? Москва, рост, нос",
    "рост и нос",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "今日は良い天気ですね。サーバーは？",
    "한국어 텍스트입니다",
    "中文文本，没有问题",
    "שלום עולם, מה שלומך",
    "السلام عليكم ورحمة الله",
    "हिन्दी में लिखा हुआ",
    "ภาษาไทยเขียนอยู่",
    "Հայերեն տեքստ այստեղ",
    "ქართული ტექსტი",
    "👨‍👩‍👧 👍🏽 🎉",
    "🇩🇪 🇫🇷",
    "x = y + 1",
]


@pytest.mark.parametrize("text", HONEST)
def test_honest_texts_have_no_other_reading(text: str) -> None:
    assert readings(text).disguised == ()
    assert readings(text).bare == ""


@pytest.mark.parametrize(
    "text", ["Größe schön", "où est le cœur", "¿mañana?", "zażółć gęślą jaźń", "được viết", "kızıl"]
)
def test_accents_are_dropped_in_a_reading_of_its_own(text: str) -> None:
    assert readings(text).disguised == ()
    assert readings(text).bare.strip("¿").isascii()


def test_a_russian_sentence_stays_russian_beside_latin_words() -> None:
    assert all("poct" not in form for form in readings("рост цен на Linux и нос").all)


@given(st.text(st.characters()) | st.text(st.sampled_from("aа1!|$ .\n\u202e\u202cɐɔ🅰🇦é\ud800сорт")))
def test_reading_takes_any_text(text: str) -> None:
    found = readings(text)
    assert len(found.disguised) <= 24
    assert sum(map(len, found.all)) <= 300 * (len(text) + 1)


@pytest.mark.parametrize(
    "piece",
    ["a ", "a.", "_", "a1", "1a", "а ", "аa", "\u202e", "a\u202ea", "ɐ", "🅰", "é", "a🎉", " a- ", "\ud800", "ا"],
)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        begin = time.process_time()
        readings(text)
        closed_up(text)
        return time.process_time() - begin

    seconds(1000)
    assert min(seconds(262_144), seconds(262_144)) <= 16 * min(seconds(32_768), seconds(32_768)) + 0.1
