"""Addresses and quickly made values: what the rest takes for granted of them."""

from __future__ import annotations

import copy
import dataclasses
import gc
import pickle
import threading

import pytest

from botkit.model.address import Address
from botkit.model.messages import Content, Text
from botkit.model.quick import maker


def test_equal_addresses_are_one_object_wherever_they_come_from() -> None:
    address = Address.parse("Room@Example.org/Nick")
    assert address is Address("room", "example.org", "Nick")
    assert address.bare is Address.parse("room@example.org")
    assert address.bare.bare is address.bare
    assert pickle.loads(pickle.dumps(address)) is address
    assert copy.deepcopy(address) is address


def test_addresses_cannot_be_changed() -> None:
    address = Address(None, "example.org")
    with pytest.raises(dataclasses.FrozenInstanceError):
        address.domain = "example.com"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del address.local


def test_threads_that_make_one_address_get_one_object() -> None:
    for number in range(50):
        found: list[Address] = []
        ready = threading.Barrier(4)

        def make(number: int = number, ready: threading.Barrier = ready, found: list[Address] = found) -> None:
            ready.wait()
            found.append(Address(f"a{number}", "threads.example", "r"))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(found)) == 1


def test_addresses_that_nobody_holds_go() -> None:
    from botkit.model.address import _all

    held = [Address(None, f"d{number}.gone.example") for number in range(100)]
    del held
    gc.collect()
    assert not [parts for parts in tuple(_all) if parts[1].endswith(".gone.example")]


def test_made_values_are_what_frozen_dataclasses_make() -> None:
    make_text, make_content = maker(Text), maker(Content)
    text = make_text("said", lang="en")
    assert make_content(body="said", bodies=(text,)) == Content(body="said", bodies=(text,))
    assert text == Text("said", "en")
    assert text is not Text("said", "en")
    assert hash(text) == hash(Text("said", "en"))
    assert type(text) is Text
    assert repr(text) == "Text(text='said', lang='en')"
    assert dataclasses.replace(text, lang=None) == Text("said")
    assert pickle.loads(pickle.dumps(text)) == text
    with pytest.raises(dataclasses.FrozenInstanceError):
        text.text = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        make_text()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        make_content("said")  # type: ignore[misc]


def test_maker_refuses_what_it_cannot_set() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Made:
        parts: list[str] = dataclasses.field(default_factory=list)

    with pytest.raises(TypeError, match="Made"):
        maker(Made)
