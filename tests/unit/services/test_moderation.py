"""The rules alone: pure, no room, no link."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.messages import ArchiveId, Attachment, Content, MessageId, Text
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.services.moderation import (
    AnomalyRule,
    Breaker,
    DuplicateRule,
    FloodRule,
    ImmuneSet,
    Ladder,
    LinkRule,
    Measure,
    Memory,
    Person,
    Statement,
    WordRule,
    find_links,
    normalise,
)

ROOM = Address.parse("lobby@rooms.example.org")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ME = Address.parse("keeper@example.org/bot")


def statement(text: str = "", *, at: datetime = NOON, content: Content | None = None, **values: object) -> Statement:
    content = content or Content(body=text, bodies=(Text(text),))
    event = RoomMessage(
        at=at,
        room=ROOM,
        author=Occupant(address=ROOM.with_resource("eve"), real=Address.parse("eve@evil.example/x")),
        content=content,
        **values,  # type: ignore[arg-type]
    )
    said = Statement.of(event)
    assert said is not None
    return said


def word_hit(rule: WordRule, text: str) -> str | None:
    found = rule.examine(statement(text), Person())
    return found.evidence if found else None


# --- normalising ----------------------------------------------------------------------------------------------


@given(st.text())
def test_normalising_takes_any_text(text: str) -> None:
    assert isinstance(normalise(text), str)


@given(
    st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1), st.sampled_from("\u200b\u00ad\u2060\u200d\ufeff\u0301")
)
def test_invisible_characters_between_letters_change_nothing(word: str, filler: str) -> None:
    assert normalise(filler.join(word)) == normalise(filler.join(word)).replace(filler, "")
    if filler != "\u0301":
        assert normalise(filler.join(word)) == word


def test_wide_and_mathematical_letters_become_plain_ones() -> None:
    assert normalise("ＶＩＡＧＲＡ 𝐜𝐚𝐬𝐢𝐧𝐨") == "viagra casino"


def test_cyrillic_letters_within_a_latin_word_become_latin() -> None:
    assert normalise("саsinо") == "casino"


def test_a_word_wholly_in_cyrillic_stays_cyrillic() -> None:
    assert normalise("Сосна") == "сосна"


def test_a_long_run_of_combining_marks_is_cheap() -> None:
    hostile = "a" + "\u0316\u0301\u05b0\u0591" * 20_000
    begin = time.perf_counter()
    normalise(hostile)
    assert time.perf_counter() - begin < 1


# --- words ----------------------------------------------------------------------------------------------------


def test_a_word_matches_between_word_boundaries_alone() -> None:
    rule = WordRule(["ass"])
    assert word_hit(rule, "you ASS!") == "ass"
    assert word_hit(rule, "a classic assessment") is None


def test_a_star_lifts_the_boundary_at_its_end() -> None:
    rule = WordRule(["casino*"])
    assert word_hit(rule, "the casinos here") == "casinos"
    assert word_hit(rule, "mycasino") is None


def test_what_the_allow_list_covers_does_not_count() -> None:
    rule = WordRule(["free money"], allow=["no free money here"])
    assert word_hit(rule, "there is no free money here") is None
    assert word_hit(rule, "no free money here, but FREE  money there") == "free  money"


def test_letters_kept_apart_are_closed_up() -> None:
    assert word_hit(WordRule(["viagra"]), "get v.i.a.g.r.a now") == "viagra"


def test_a_word_in_any_part_of_the_stanza_is_found() -> None:
    rule = WordRule(["casino"])
    hidden = [
        Content(body="hi", bodies=(Text("hi"), Text("casino", "de"))),
        Content(body="hi", bodies=(Text("hi"),), html="casino"),
        Content(body="hi", bodies=(Text("hi"),), attachments=(Attachment("https://x.example", "casino"),)),
        Content(body="hi", bodies=(Text("hi"),), subjects=(Text("casino"),)),
        Content(body="hi", bodies=(Text("hi"),), stray="casino"),
    ]
    for content in hidden:
        assert rule.examine(statement(content=content), Person()) is not None, content


def test_no_words_find_nothing() -> None:
    assert word_hit(WordRule([]), "anything") is None
    assert word_hit(WordRule(["", "  ", "*"]), "anything") is None


@given(st.lists(st.text(), max_size=5), st.text())
def test_no_word_list_and_no_text_make_the_rule_raise(words: list[str], text: str) -> None:
    WordRule(words, allow=words[:1]).examine(statement(text), Person())


@pytest.mark.parametrize(
    "piece", ["a ", "_", "a_", "a.b", "casino", "\u0430b", "a\u0301\u0316", "\u200b", "free ", "no money", "x  y"]
)
def test_no_text_makes_the_word_rule_slow(piece: str) -> None:
    hostile = piece * (100_000 // len(piece))
    rule = WordRule(["casino*", "*free", "no money", "x y"], allow=["free beer"])
    begin = time.perf_counter()
    rule.examine(statement(hostile), Person())
    assert time.perf_counter() - begin < 1


# --- links ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("see https://evil.example/x", "evil.example"),
        ("hxxps://evil.example", "evil.example"),
        ("hxxp[:]//evil[.]example/x", "evil.example"),
        ("HTTPS://EVIL.EXAMPLE.", "evil.example"),
        ("http:\\\\evil.example\\x", "evil.example"),
        ("https://good.example@evil.example:8443/", "evil.example"),
        ("go to evil.com now", "evil.com"),
        ("evil[.]com", "evil.com"),
        ("evil (dot) com", "evil.com"),
        ("evil。com", "evil.com"),
        ("t.me/joinchat", "t.me"),
        ("www.evil.pl", "www.evil.pl"),
        ("xmpp:spam@rooms.evil.example?join", "rooms.evil.example"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://10.0.0.1/x", "10.0.0.1"),
        ("e\u200bvil.com", "evil.com"),
        ("(see evil.com)", "evil.com"),
    ],
)
def test_links_are_found_however_they_are_written(text: str, host: str) -> None:
    assert [link.host for link in find_links(text) if link.certain] == [host]


@pytest.mark.parametrize(
    "text",
    ["readme.md and main.py", "wait...what", "e.g. this", "version 1.2.3", "write to me@example.com", "done.it works",
     "at 12:30", "note: this", "a.b", "10.0.0.1 is ours", "../etc/hosts.conf", "Mr.Smith"],
)  # fmt: skip
def test_ordinary_text_is_no_link(text: str) -> None:
    assert [link for link in find_links(text) if link.certain] == []


def test_a_listed_site_is_found_below_any_name_and_end() -> None:
    rule = LinkRule(deny=["evil.md"])
    assert rule.examine(statement("see www.evil.md"), Person()) is not None
    assert rule.examine(statement("see a.b.evil.md"), Person()) is not None
    assert rule.examine(statement("see notevil.md"), Person()) is None


def test_evidence_shows_the_whole_link_though_no_scheme_begins_it() -> None:
    assert [link.written for link in find_links("see evil.com/best?id=7 now")] == ["evil.com/best?id=7"]


def test_link_glued_to_the_path_of_another_is_found() -> None:
    assert {link.host for link in find_links("good.com/x,evil.com")} == {"good.com", "evil.com"}


def test_only_allowed_sites_pass_where_no_others_do() -> None:
    rule = LinkRule(allow=["example.org"], others=False)
    assert rule.examine(statement("https://docs.example.org/x"), Person()) is None
    assert rule.examine(statement("https://example.org.evil.com/x"), Person()) is not None


def test_denied_below_an_allowed_site_is_denied() -> None:
    rule = LinkRule(allow=["example.org"], deny=["bad.example.org"], others=False)
    assert rule.examine(statement("https://bad.example.org"), Person()) is not None


@given(st.text() | st.text(alphabet="ab.:/[]()@xmphts-。\\ ", max_size=200))
def test_looking_for_links_takes_any_text(text: str) -> None:
    for link in find_links(text):
        assert link.host


def test_looking_for_links_is_linear() -> None:
    for hostile in ("a." * 50_000, "a-" * 50_000, "a" * 100_000, "http://" * 15_000, "[." * 50_000, "1.1." * 25_000):
        begin = time.perf_counter()
        find_links(hostile)
        assert time.perf_counter() - begin < 1, hostile[:10]


# --- counting -------------------------------------------------------------------------------------------------


def spoken(person: Person, text: str, seconds: float, **values: object) -> Statement:
    said = statement(text, at=NOON + timedelta(seconds=seconds), **values)
    person.spoke.append(said.second)
    return said


def test_flood_is_what_exceeds_the_measure_within_the_time() -> None:
    rule, person = FloodRule(3, 10), Person()
    found = [rule.examine(spoken(person, "x", i), person) is not None for i in range(5)]
    assert found == [False, False, False, True, True]


def test_slow_talk_is_no_flood() -> None:
    rule, person = FloodRule(3, 10), Person()
    assert not any(rule.examine(spoken(person, "x", i * 4), person) for i in range(20))


def test_the_same_text_again_is_counted_whatever_its_case_and_spacing() -> None:
    rule, person = DuplicateRule(3, 60), Person()
    texts = ["Buy my coins", "buy  my COINS", "buy my\u200b coins"]
    assert [rule.examine(spoken(person, t, i), person) is not None for i, t in enumerate(texts)] == [False, False, True]


def test_short_words_of_agreement_are_no_duplicates() -> None:
    rule, person = DuplicateRule(2, 60), Person()
    assert not any(rule.examine(spoken(person, "ok", i), person) for i in range(5))


def test_a_correction_is_no_duplicate_of_what_it_corrects() -> None:
    rule, person = DuplicateRule(2, 60), Person()
    content = Content(body="buy my coins", bodies=(Text("buy my coins"),), replaces=MessageId("m1"))
    assert rule.examine(spoken(person, "buy my coins", 0), person) is None
    assert rule.examine(spoken(person, "", 1, content=content), person) is None


def test_anomalies_are_found_unless_ignored() -> None:
    said = statement("x", anomalies=("two bodies",))
    assert AnomalyRule().examine(said, Person()) is not None
    assert AnomalyRule(ignore=["two bodies"]).examine(said, Person()) is None


# --- ladder, immunity, breaker ----------------------------------------------------------------------------------


def test_the_ladder_takes_the_sternest_step_that_is_reached() -> None:
    ladder = Ladder({Measure.WARN: 1, Measure.RETRACT: 2, Measure.BAN: 10}, window=60)
    assert [ladder.measure(p) for p in (0, 1, 2, 9, 10)] == [
        None, Measure.WARN, Measure.RETRACT, Measure.RETRACT, Measure.BAN,
    ]  # fmt: skip
    assert ladder.above(Measure.RETRACT) is Measure.BAN
    assert ladder.above(Measure.BAN) is None


def test_points_are_forgotten_after_the_window() -> None:
    person = Person()
    person.points.extend([(0.0, 2), (50.0, 2)])
    assert person.total(55.0, 60) == 4
    assert person.total(65.0, 60) == 2


def test_memory_forgets_who_has_been_silent_longest() -> None:
    memory = Memory(people=2, judged=2)
    guests = [replace(occupant(), address=ROOM.with_resource(f"guest{n}"), occupant_id=str(n)) for n in range(3)]
    first = memory.person(ROOM, guests[0])
    second = memory.person(ROOM, guests[1])
    assert memory.person(ROOM, guests[0]) is first
    memory.person(ROOM, guests[2])
    assert memory.person(ROOM, guests[0]) is first
    assert memory.person(ROOM, guests[1]) is not second
    assert memory.first_time(ROOM, ArchiveId("a"))
    assert not memory.first_time(ROOM, ArchiveId("a"))
    for later in ("b", "c"):
        memory.first_time(ROOM, ArchiveId(later))
    assert memory.first_time(ROOM, ArchiveId("a"))


def test_somebody_is_the_same_in_presence_and_archive_by_occupant_id() -> None:
    memory = Memory()
    present = replace(occupant(), occupant_id="o1", real=Address.parse("x@example.org/1"))
    archived = replace(occupant(), address=ROOM.with_resource("other"), occupant_id="o1", known=False)
    assert memory.person(ROOM, present) is memory.person(ROOM, archived)
    memory.introduce(ROOM, present)
    assert memory.last_seen(ROOM, archived) == present


def occupant(**values: object) -> Occupant:
    return Occupant(address=ROOM.with_resource("x"), **values)  # type: ignore[arg-type]


def test_leaders_members_and_ourselves_are_immune() -> None:
    immune = ImmuneSet(addresses={Address.parse("friend@example.net"), Address.parse("trusted.example")})
    assert immune.reason(occupant(is_self=True), ME)
    assert immune.reason(occupant(real=Address.parse("keeper@example.org/other")), ME)
    assert immune.reason(occupant(affiliation=Affiliation.OWNER), ME)
    assert immune.reason(occupant(affiliation=Affiliation.MEMBER), ME)
    assert immune.reason(occupant(role=Role.MODERATOR), ME)
    assert immune.reason(occupant(real=Address.parse("friend@example.net/x")), ME)
    assert immune.reason(occupant(real=Address.parse("any@trusted.example/x")), ME)
    assert immune.reason(occupant(), ME) is None
    assert ImmuneSet(members=False).reason(occupant(affiliation=Affiliation.MEMBER), ME) is None


def test_rank_without_a_presence_is_not_believed() -> None:
    assert ImmuneSet().reason(occupant(affiliation=Affiliation.OWNER, known=False), ME) is None


def test_the_breaker_stops_at_its_limit_and_says_so_once() -> None:
    breaker = Breaker(2, 5)
    assert [breaker.allow(t) for t in (100.0, 101.0, 102.0)] == [True, True, False]
    assert breaker.just_tripped
    assert not breaker.allow(103.0)
    assert not breaker.just_tripped
    assert not breaker.allow(300.0)
    assert breaker.allow(703.0)


def test_the_breaker_counts_over_ten_minutes_too() -> None:
    breaker = Breaker(2, 5)
    assert [breaker.allow(t * 50.0 + 1) for t in range(6)] == [True] * 5 + [False]
