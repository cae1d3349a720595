"""Values as every store keeps them."""

from __future__ import annotations

import json

from botkit.errors import MisuseError


def as_json(space: str, key: str, value: object) -> str:
    """``value`` as JSON text. Raises ``MisuseError``."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as problem:
        raise MisuseError(f"the value for {key!r} of {space!r} cannot be kept as JSON: {problem}") from None
