"""Data forms (XEP-0004) and what an ad-hoc command says (XEP-0050)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class FieldKind(Enum):
    """Field types of XEP-0004 §3.3."""

    BOOLEAN = "boolean"
    FIXED = "fixed"
    HIDDEN = "hidden"
    JID_MULTI = "jid-multi"
    JID_SINGLE = "jid-single"
    LIST_MULTI = "list-multi"
    LIST_SINGLE = "list-single"
    TEXT_MULTI = "text-multi"
    TEXT_PRIVATE = "text-private"
    TEXT_SINGLE = "text-single"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A choice of a list field. ``label`` None: the value is shown."""

    value: str
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. ``values`` is () for none; a text-multi has one value a line (no newline inside a value)."""

    var: str
    kind: FieldKind = FieldKind.TEXT_SINGLE
    label: str | None = None
    desc: str | None = None
    required: bool = False
    values: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    datatype: str | None = None  # XEP-0122: ``xs:integer``
    minimum: str | None = None
    maximum: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form to fill in (``form``), filled in (``submit``) or a result.

    ``reported`` with ``rows`` makes a table: each row maps a field's ``var`` to its values.
    """

    kind: str = "form"
    title: str | None = None
    instructions: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    reported: tuple[Field, ...] = ()
    rows: tuple[Mapping[str, tuple[str, ...]], ...] = ()

    def values(self) -> dict[str, tuple[str, ...]]:
        """``var`` to values, for the fields that have a var; the first of doubled fields wins."""
        found: dict[str, tuple[str, ...]] = {}
        for item in self.fields:
            if item.var:
                found.setdefault(item.var, item.values)
        return found


class NoteKind(Enum):
    """Severity of a note (XEP-0050 §4.3)."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Note:
    """A line that the client shows with an ad-hoc command's answer."""

    text: str
    kind: NoteKind = NoteKind.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRequest:
    """``<command/>`` as somebody sent it. ``action`` is "execute" where absent; ``session`` None on the first.

    ``id`` is that of the IQ, None where it came otherwise: the same sender's with the same id is the same request.
    """

    node: str
    action: str = "execute"
    session: str | None = None
    form: Form | None = None
    lang: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswer:
    """``<command/>`` as we answer. ``status`` is executing, completed or canceled.

    ``actions`` are the allowed ones beside cancel, ``default`` the one that "execute" stands for.
    """

    node: str
    session: str
    status: str
    form: Form | None = None
    notes: tuple[Note, ...] = ()
    actions: tuple[str, ...] = ()
    default: str | None = None
