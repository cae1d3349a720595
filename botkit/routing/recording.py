"""Recording commands: one by one on a router, or several under one first word."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from botkit.errors import ConfigError
from botkit.model.rooms import Affiliation, Role
from botkit.routing.filters import Filter
from botkit.routing.specs import CommandSpec, Example, GroupSpec, Need, Right

if TYPE_CHECKING:
    from botkit.routing.router import Router

F = TypeVar("F", bound=Callable[..., Any])


class Group:
    """Commands under one word: ``!poll start``, ``!poll close``. Made by ``Router.group`` and ``Group.group``.

    ``needs`` are what its commands need that do not say otherwise.
    """

    def __init__(self, router: Router, names: tuple[str, ...], needs: tuple[Right, ...]) -> None:
        self._router = router
        self._names = names
        self._needs = needs

    def command(
        self,
        name: str,
        *aliases: str,
        needs: Right | Iterable[Right] | None = None,
        adhoc: bool = True,
        hidden: bool = False,
        filters: Iterable[Filter] = (),
        timeout: float | None = None,
        examples: Iterable[str | Example] = (),
        effects: bool = True,
    ) -> Callable[[F], F]:
        """As ``Router.command``, behind the group's name. ``examples`` have the whole of it: ``"poll start tea"``."""
        return recorder(
            self._router,
            under(self._names, one_word(self._router, (name, *aliases))),
            needs=self._needs if needs is None else rights(needs, _what(self._router, name)),
            adhoc=adhoc,
            hidden=hidden,
            filters=filters,
            timeout=timeout,
            examples=examples,
            effects=effects,
        )

    def group(self, name: str, *aliases: str, needs: Right | Iterable[Right] | None = None, doc: str = "") -> Group:
        """A group in this group."""
        names = under(self._names, one_word(self._router, (name, *aliases)))
        own = self._needs if needs is None else rights(needs, f"router {self._router.name!r}: group {name!r}")
        return make_group(self._router, names, own, doc)


def make_group(router: Router, names: tuple[str, ...], needs: tuple[Right, ...], doc: str) -> Group:
    """A group, recorded on ``router``."""
    router.groups.append(GroupSpec(names=names, doc=doc))
    return Group(router, names, needs)


def recorder(
    router: Router,
    names: tuple[str, ...],
    *,
    needs: tuple[Right, ...],
    adhoc: bool,
    hidden: bool,
    filters: Iterable[Filter],
    timeout: float | None,
    examples: Iterable[str | Example],
    effects: bool,
) -> Callable[[F], F]:
    """The decorator that records a command."""
    shown = tuple(one if isinstance(one, Example) else Example(one) for one in examples)
    for example in shown:
        if not any(f"{example.text} ".casefold().startswith(f"{name} ".casefold()) for name in names):
            raise ConfigError(
                f"{_what(router, names[0])}: the example {example.text!r} does not begin with the command's name"
            )
    combined = all_of(tuple(filters))

    def record(handler: F) -> F:
        router.commands.append(
            CommandSpec(
                handler=handler,
                names=names,
                needs=needs,
                adhoc=adhoc,
                hidden=hidden,
                filter=combined,
                timeout=timeout,
                examples=shown,
                effects=effects,
            )
        )
        return handler

    return record


def one_word(router: Router, names: tuple[str, ...]) -> tuple[str, ...]:
    """``names``, each of which is one word. Raises ``ConfigError``."""
    for one in names:
        if not one or one != one.strip() or any(c.isspace() for c in one):
            raise ConfigError(f"router {router.name!r}: {one!r} is no name of a command; it is one word")
    return names


def under(groups: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """Every name behind every name of its group."""
    return tuple(f"{group} {name}" for group, name in itertools.product(groups, names))


def all_of(filters: tuple[Filter, ...]) -> Filter | None:
    """One filter that passes if all do; None for none. Raises ``ConfigError`` for what is no filter."""
    for one in filters:
        if not isinstance(one, Filter):
            raise ConfigError(f"{one!r} is no filter; put @predicate on a plain function")
    combined: Filter | None = None
    for one in filters:
        combined = one if combined is None else combined & one
    return combined


def rights(needs: object, what: str) -> tuple[Right, ...]:
    """``needs`` as a tuple. Raises ``ConfigError`` for what is no right."""
    if needs is None:
        return ()
    if isinstance(needs, Affiliation | Role | Need):
        return (needs,)
    # Affiliation.ADMIN | Role.MODERATOR is the int 3: an easy slip that must not become "everybody".
    found: tuple[Any, ...] = tuple(needs) if isinstance(needs, Iterable) else (needs,)
    if not found or not all(isinstance(right, Affiliation | Role | Need) for right in found):
        raise ConfigError(
            f"{what}: needs={needs!r} is no right; write Affiliation.ADMIN, or (Affiliation.ADMIN, Role.MODERATOR)"
        )
    return found


def _what(router: Router, name: str) -> str:
    return f"router {router.name!r}: command {name!r}"
