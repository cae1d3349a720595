"""Signatures as others make them: examples that their documentation prints."""

from __future__ import annotations

import pytest

from botkit.services.hooks.signing import is_genuine

NOW = 1_614_265_330.0


def test_githubs_own_example_is_genuine() -> None:
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    for format_, name in (("github", "x-hub-signature-256"), ("json", "x-hub-signature-256")):
        assert is_genuine(format_, "It's a Secret to Everybody", {name: signature}, b"Hello, World!", NOW)
        assert not is_genuine(format_, "It's a Secret to Everybody", {name: signature}, b"Hello, World?", NOW)


STANDARD = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo= "
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'


def test_the_example_of_standard_webhooks_is_genuine() -> None:
    for format_ in ("gitlab", "json"):
        assert is_genuine(format_, SECRET, STANDARD, BODY, NOW)
        assert is_genuine(format_, SECRET, STANDARD, BODY, NOW + 299)
    assert not is_genuine("github", SECRET, STANDARD, BODY, NOW)


@pytest.mark.parametrize(
    ("changed", "now"),
    [
        ({}, NOW + 301),
        ({}, NOW - 301),
        ({"webhook-id": "another"}, NOW),
        ({"webhook-timestamp": "1614265331"}, NOW),
        ({"webhook-timestamp": "soon"}, NOW),
        ({"webhook-timestamp": "9" * 5000}, NOW),
        ({"webhook-signature": ""}, NOW),
        ({"webhook-signature": "v1,\udcff v1a,x"}, NOW),
        ({"webhook-id": "\udcff"}, NOW),
    ],
)
def test_what_is_old_or_changed_is_not(changed: dict[str, str], now: float) -> None:
    assert not is_genuine("json", SECRET, STANDARD | changed, BODY, now)
    assert not is_genuine("json", "whsec_!", STANDARD | changed, BODY, now)
