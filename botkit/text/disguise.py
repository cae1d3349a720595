"""How a text can be read beside as it stands: the readings in which a word may hide."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from botkit.text.fold import normalise
from botkit.text.lookalikes import capitals, unaccented, uncovered
from botkit.text.scripts import LATIN, honest, one_script
from botkit.text.spaced import closed_up, may_be_spaced

# A text by kinds of byte, as in ``spaced``: letters, signs that are written for letters, "!", all else.
_KINDS = bytes(
    ord("a") if chr(byte).isalpha() else ord("1") if chr(byte) in "01345789$@|+" else byte if byte == 33 else ord(" ")
    for byte in range(128)
) + (b"a" * 128)
_FOLLOWING = bytes(range(0x80, 0xC0))
_SIGNS = re.compile(r"a[1!]+a|\b1+aa|a11|1a1|aaa1\b")
_LETTERS = str.maketrans("0345789$@+", "oeastbgsat")
_STROKES = (str.maketrans("1|!", "iii"), str.maketrans("1|!", "lll"))
_LONGEST = 64  # of a word that anybody reads
_LONGEST_TEXT = 20_000  # of a text that anybody reads; what follows is read as it stands alone

_LATIN = re.compile("[A-Za-z]")
ACCENTED = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")
_REVERSED = re.compile("\u202e([^\u202c\u202d\u2069\n]*)")
_TURNED = re.compile("[ɐɔǝɟƃɥᴉɾʞʃɯɹʇʌʍʎꞁ]")
_UPRIGHT = str.maketrans("ɐqɔpǝɟƃɥᴉıɾʞʃꞁɯuodbɹʇnʌʍʎ", "abcdefghiijkllmnopqrtuvwy")


@dataclass(slots=True)
class Readings:
    """One text as it may be read.

    ``folded`` is what ``normalise`` makes of it. ``disguised`` are further forms, most often none: in the order in
    which it is shown, upright, with look-alikes, digits and signs as letters, with gaps closed. ``bare`` is all of that
    without accents, "" where it has none: count only long words there, as ``año`` is no ``ano``.
    """

    folded: str
    disguised: tuple[str, ...] = ()
    bare: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """Every form, ``folded`` first, ``bare`` last."""
        return (self.folded, *self.disguised, self.bare) if self.bare else (self.folded, *self.disguised)


def readings(text: str) -> Readings:
    """Every reading of ``text``. Never raises. Of a text beyond 20,000 characters only the beginning is uncovered."""
    return readings_of(text, normalise(text))


def readings_of(text: str, folded: str) -> Readings:
    """The same for a text that was normalised already."""
    as_written = LATIN if text.isascii() else one_script(text)
    script = as_written or one_script(folded)
    # Letters of one script that cannot stand for Latin ones: only gaps, digits and signs can hide anything.
    plain = honest(folded, script)
    turned = _turned(text[:_LONGEST_TEXT]) if not as_written and ("\u202e" in text or script in (0, LATIN)) else []
    bare = script in (0, LATIN) and not text.isascii() and ACCENTED.search(folded) is not None
    if plain and not turned and not may_be_spaced(folded) and not has_signs(folded):
        return Readings(folded, (), unaccented(folded)) if bare else Readings(folded)  # nearly always
    start = folded[:_LONGEST_TEXT]
    forms = [start, *turned]
    forms += [closed for form in forms if (closed := closed_up(form))]
    for form in tuple(forms):
        shown = form if plain and form is start else uncovered(form)
        forms += (shown, *_written_out(shown))
    disguised = tuple([form for form in dict.fromkeys(forms) if form != start])
    return Readings(folded, disguised, _bare((start, *disguised)) if bare else "")


def _turned(text: str) -> list[str]:
    """``text`` as it is shown, and as capitals look, where that is another text than it seems."""
    forms = []
    if "\u202e" in text:
        forms.append(normalise(_REVERSED.sub(lambda found: found[1][::-1], text)))
    if _TURNED.search(text) and len(_TURNED.findall(text)) > 1:
        forms.append(text.casefold()[::-1].translate(_UPRIGHT))
    looks, shapes = capitals()
    if looks.search(text) and _LATIN.search(text):
        forms.append(normalise(text.translate(shapes)))
    return forms


def _written_out(form: str) -> tuple[str, ...]:
    """``form`` with digits and signs among letters as letters; 1 may be i and l. () if there are none."""
    if not has_signs(form):
        return ()
    pairs = [(word, word) if word.isalpha() else _letters(word) for word in form.split()]
    return " ".join([first for first, _ in pairs]), " ".join([second for _, second in pairs])


def has_signs(form: str) -> bool:
    """True if digits or signs stand among letters as letters do."""
    if form.isascii():
        kinds = form.encode("ascii").translate(_KINDS).decode("ascii")
    else:
        kinds = form.encode("utf-8", "replace").translate(_KINDS, _FOLLOWING).decode("ascii")
    return (
        (("1" in kinds and ("a1" in kinds or "1a" in kinds)) or ("!" in kinds and "!a" in kinds))
        and _SIGNS.search(kinds) is not None
    )  # fmt: skip


def _letters(word: str) -> tuple[str, str]:
    return (word, word) if len(word) > _LONGEST else _letters_of(word)


@lru_cache(maxsize=4096)
def _letters_of(word: str) -> tuple[str, str]:
    core = word.rstrip("!.,?:;)")
    if sum(map(str.isalpha, core)) * 3 < len(core):
        return word, word
    plain, rest = core.translate(_LETTERS), word[len(core) :]
    return plain.translate(_STROKES[0]) + rest, plain.translate(_STROKES[1]) + rest


def _bare(forms: tuple[str, ...]) -> str:
    written = [form for form in forms if not form.isascii() and ACCENTED.search(form) and _LATIN.search(form)]
    return "\n".join([plain for form in written if (plain := unaccented(form)) != form])
