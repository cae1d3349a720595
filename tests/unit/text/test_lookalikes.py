"""Look-alikes against data that is not ours: Unicode's confusables as another library ships them."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.text import normalise, skeleton

# ſ is an s to who reads it, Ƽ folds to a tone letter drawn as s; the others are no letters: spacing and vowel marks.
NOT_TAKEN = set("ſƼͺ˛￨ଃంಂംං")


def pairs() -> list[tuple[str, str]]:
    """Each sign outside of ASCII, and the Latin letter or digit that Unicode says it is taken for."""
    data = json.loads(resources.files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8"))
    return [
        (sign, other["c"])
        for sign, others in data.items()
        for other in others
        if len(sign) == 1 and not sign.isascii() and other["c"].isascii() and other["c"].isalnum()
    ]


def test_every_confusable_of_a_latin_letter_has_its_skeleton() -> None:
    known = pairs()
    assert len(known) > 1400
    assert [(a, b) for a, b in known if skeleton(a) != skeleton(b) and a not in NOT_TAKEN] == []


@given(st.text(st.characters()) | st.text(st.sampled_from([a for a, _ in pairs()] + list("rnvcl10|I"))))
def test_the_skeleton_of_a_skeleton_is_the_same(text: str) -> None:
    once = skeleton(text)
    assert skeleton(once) == once


@given(st.text(st.characters(), max_size=50))
def test_the_skeleton_does_not_grow_without_bound(text: str) -> None:
    assert len(skeleton(text)) <= 18 * len(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Admin", "аdmіn"), ("admin", "adrnin"), ("paypal", "PaypaI"), ("moderator", "m0derat0r"), ("wilma", "vvilma"),
     ("Björn", "bjorn"), ("jabber", "ǰаЬЬег"), ("cl0ud", "doud"), ("ΡΑΥΡΑL", "paypal"), ("HELP", "ΗΕLΡ")],
)  # fmt: skip
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), [("anna", "hanna"), ("иван", "ivan"), ("bob", "rob"), ("петя", "катя")])
def test_names_that_differ_have_other_skeletons(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


def test_a_word_of_one_script_stays_in_it() -> None:
    for word in ("сосна", "москва", "ухо", "рост", "нос", "хор", "κατω", "αυτο", "ասո"):
        assert normalise(word) == word


def test_a_word_that_mixes_scripts_becomes_latin() -> None:
    for word in ("раypal", "pаypаl", "рaуpal", "pаyраl", "ρaypal", "ꮲaypal"):
        assert normalise(word) == "paypal"
