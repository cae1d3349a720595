"""What GitLab tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from botkit.services.hooks.payload import Payload, Report, Said
from botkit.services.hooks.words import line, many, said

_SHOWN = 3
_DONE = {
    "open": "opened", "close": "closed", "reopen": "reopened", "merge": "merged", "update": "updated",
    "approved": "approved", "unapproved": "no longer approves", "create": "created", "delete": "deleted",
}  # fmt: skip
_USUAL = {
    "issue": {"open", "close", "reopen"},
    "merge_request": {"open", "close", "reopen", "merge", "approved"},
    "pipeline": {"success", "failed", "canceled"},
    "release": {"create"},
    "deployment": {"success", "failed"},
}


def gitlab_report(_headers: Mapping[str, str], payload: Payload) -> Report:
    """What is to be said of a request. Raises ``BadPayload``."""
    event = payload.need("object_kind", limit=60)
    if event == "pipeline":
        return _pipeline(payload)
    action = payload.text("object_attributes", "action", limit=60) if event != "note" else ""
    action = action or (payload.text("action", limit=60) or payload.text("status", limit=60) if event in _FLAT else "")
    tell = _TELL.get(event)
    if tell is None:
        return Report(event, action, usual=False)
    usual = action in _USUAL.get(event, {action})
    return Report(event, action, (Said(f"{_project(payload)}: {tell(payload)}"),), usual)


_FLAT = frozenset({"release", "deployment"})


def _project(payload: Payload) -> str:
    return payload.need("project", "path_with_namespace")


def _who(payload: Payload) -> str:
    return payload.text("user_name", limit=60) or payload.text("user", "name", limit=60) or "somebody"


def _push(payload: Payload) -> str:
    name = payload.need("ref").removeprefix("refs/heads/")
    if _is_none(payload.raw("after")):
        return f"{_who(payload)} deleted the branch {name}"
    commits = payload.need_list("commits")
    count = max(payload.number("total_commits_count"), len(commits))
    if not count:
        return f"{_who(payload)} created the branch {name}"
    lines = [
        f"{one.text('id', limit=80)[:7]} {line(one.raw('message').partition(chr(10))[0], 120)}"
        for one in commits[-_SHOWN:]
    ]
    more = [f"… and {count - len(lines)} before"] if count > len(lines) else []
    head = f"{_who(payload)} pushed {many(count, 'commit')} to {name}"
    return said(head, *more, *lines, commits[-1].link("url") if commits else "")


def _is_none(commit: str) -> bool:
    return bool(commit) and not commit.strip("0")


def _tag(payload: Payload) -> str:
    verb = "deleted" if _is_none(payload.raw("after")) else "created"
    return f"{_who(payload)} {verb} the tag {payload.need('ref').removeprefix('refs/tags/')}"


def _numbered(noun: str, mark: str) -> Callable[[Payload], str]:
    def tell(payload: Payload) -> str:
        thing = payload.inner("object_attributes")
        action = thing.text("action", limit=30)
        named = f"{mark}{thing.need('iid')} {thing.text('title', limit=150)}".rstrip()
        return said(f"{_who(payload)} {_DONE.get(action, action or 'changed')} {noun} {named}", thing.link("url"))

    return tell


def _note(payload: Payload) -> str:
    note = payload.inner("object_attributes")
    on = "a commit"
    for key, mark in (("merge_request", "!"), ("issue", "#")):
        if isinstance(payload.at(key), dict):
            on = f"{mark}{payload.text(key, 'iid')} {payload.text(key, 'title', limit=150)}".rstrip()
    return said(f"{_who(payload)} commented on {on}", note.text("note", limit=200), note.link("url"))


def _release(payload: Payload) -> str:
    action = payload.text("action", limit=30)
    tag, name = payload.need("tag"), payload.text("name")
    shown = tag if name in ("", tag) else f"{tag} ({name})"
    return said(f"release {shown} {_DONE.get(action, action or 'changed')}", payload.link("url"))


def _deployment(payload: Payload) -> str:
    where = payload.text("environment", limit=60) or "somewhere"
    return said(f"deployment to {where}: {payload.need('status')}", payload.link("deployable_url"))


def _pipeline(payload: Payload) -> Report:
    pipeline = payload.inner("object_attributes")
    status, number = pipeline.need("status", limit=30), pipeline.need("id")
    seconds = pipeline.number("duration")
    text = said(
        f"{_project(payload)}: pipeline #{number} on {pipeline.text('ref', limit=100) or 'a commit'}: {status}"
        + (f" after {seconds // 60} min {seconds % 60} s" if seconds > 0 else ""),
        pipeline.link("url") or _pipeline_link(payload, number),
    )
    usual = status in _USUAL["pipeline"]
    thread = f"pipeline {number}"
    return Report("pipeline", status, (Said(text, f"{thread} {status}", thread),), usual)


def _pipeline_link(payload: Payload, number: str) -> str:
    base = payload.link("project", "web_url")
    return f"{base}/-/pipelines/{number}" if base else ""


_TELL: dict[str, Callable[[Payload], str]] = {
    "push": _push,
    "tag_push": _tag,
    "issue": _numbered("issue", "#"),
    "merge_request": _numbered("merge request", "!"),
    "note": _note,
    "release": _release,
    "deployment": _deployment,
}
