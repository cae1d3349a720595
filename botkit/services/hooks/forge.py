"""What GitHub and Gitea (Forgejo) tell: their payloads are alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from botkit.services.hooks.payload import Payload, Report, Said
from botkit.services.hooks.words import line, many, said

_SHOWN = 3  # commits of a push
_USUAL = {
    "issues": {"opened", "closed", "reopened"},
    "pull_request": {"opened", "closed", "reopened", "ready_for_review"},
    "issue_comment": {"created"},
    "pull_request_review": {"submitted"},
    "release": {"published"},
    "workflow_run": {"completed"},
    "discussion": {"created"},
}


_GITEAS_REVIEWS = frozenset({"pull_request_approved", "pull_request_rejected", "pull_request_comment"})
"""Gitea tells by them of reviews, by the last one of mere comments, too; "reviewed" is the action then."""


def forge_report(headers: Mapping[str, str], payload: Payload) -> Report:
    """What is to be said of a request. Raises ``BadPayload``."""
    event = line(_event(headers), 60)
    action = payload.text("action", limit=60)
    if event in _GITEAS_REVIEWS:
        reviewed = isinstance(payload.at("review"), dict)
        event, action = ("pull_request_review", "submitted") if reviewed else ("issue_comment", action)
    if event == "workflow_run":
        return _workflow(action, payload)
    tell = _TELL.get(event)
    usual = tell is not None and action in _USUAL.get(event, {action})
    if tell is None:
        return Report(event, action, usual=False)
    return Report(event, action, (Said(f"{payload.need('repository', 'full_name')}: {tell(payload)}"),), usual)


def _event(headers: Mapping[str, str]) -> str:
    for name in ("x-gitea-event", "x-forgejo-event", "x-github-event"):
        if name in headers:
            return headers[name]
    return ""


def _who(payload: Payload) -> str:
    return payload.text("sender", "login", limit=60) or "somebody"


def _push(payload: Payload) -> str:
    kind, name = _ref(payload.need("ref"))
    who = payload.text("pusher", "name", limit=60) or payload.text("pusher", "login", limit=60) or _who(payload)
    if payload.flag("deleted"):
        return f"{who} deleted the {kind} {name}"
    commits = payload.need_list("commits")
    if kind == "tag" or not commits:
        verb = "created" if payload.flag("created") or kind == "tag" else "moved"
        return said(f"{who} {verb} the {kind} {name}", payload.link("compare") or payload.link("compare_url"))
    count = max(payload.number("total_commits"), len(commits))
    verb = "force-pushed" if payload.flag("forced") else "pushed"
    lines = [f"{one.text('id', limit=80)[:7]} {_subject(one.raw('message'))}" for one in commits[-_SHOWN:]]
    more = [f"… and {count - len(lines)} before"] if count > len(lines) else []
    where = payload.link("compare") or payload.link("compare_url")
    return said(f"{who} {verb} {many(count, 'commit')} to {name}", *more, *lines, where)


def _ref(ref: str) -> tuple[str, str]:
    if ref.startswith("refs/tags/"):
        return "tag", ref.removeprefix("refs/tags/")
    return "branch", ref.removeprefix("refs/heads/")


def _subject(message: str) -> str:
    return line(message.partition("\n")[0], 120)


def _issue(payload: Payload) -> str:
    return _numbered(payload, "issue", "issue")


def _pull(payload: Payload) -> str:
    verb = "merged" if payload.flag("pull_request", "merged") else ""
    return _numbered(payload, "pull_request", "pull request", verb)


def _numbered(payload: Payload, key: str, noun: str, verb: str = "") -> str:
    thing = payload.inner(key)
    done = verb or payload.need("action").replace("_", " ")
    return said(f"{_who(payload)} {done} {noun} {_named(thing)}", thing.link("html_url"))


def _named(thing: Payload) -> str:
    return f"#{thing.need('number')} {thing.text('title', limit=150)}".rstrip()


def _comment(payload: Payload) -> str:
    comment = payload.inner("comment")
    return said(
        f"{_who(payload)} commented on {_named(payload.inner('issue'))}",
        comment.text("body", limit=200),
        comment.link("html_url"),
    )


def _review(payload: Payload) -> str:
    state = payload.text("review", "state", limit=30) or payload.text("review", "type", limit=30)
    state = state.lower().removeprefix("pull_request_review_")  # Gitea's types
    done = _REVIEWED.get(state, "reviewed")
    where = payload.link("review", "html_url") or payload.link("pull_request", "html_url")
    return said(f"{_who(payload)} {done} pull request {_named(payload.inner('pull_request'))}", where)


_REVIEWED = {"approved": "approved", "changes_requested": "wants changes to", "rejected": "wants changes to"}


def _release(payload: Payload) -> str:
    release = payload.inner("release")
    tag, name = release.need("tag_name"), release.text("name")
    shown = tag if name in ("", tag) else f"{tag} ({name})"
    done = payload.text("action", limit=30) or "published"
    return said(f"{_who(payload)} {done} release {shown}", release.link("html_url"))


def _ref_made(verb: str) -> Callable[[Payload], str]:
    def tell(payload: Payload) -> str:
        kind = payload.text("ref_type", limit=20) or "branch"
        return f"{_who(payload)} {verb} the {kind} {_ref(payload.need('ref'))[1]}"

    return tell


def _deployment(payload: Payload) -> str:
    status = payload.inner("deployment_status")
    where = status.text("environment", limit=60) or "somewhere"
    link = status.link("target_url") or status.link("log_url")
    return said(f"deployment to {where}: {status.need('state')}", link)


def _discussion(payload: Payload) -> str:
    return _numbered(payload, "discussion", "discussion")


def _workflow(action: str, payload: Payload) -> Report:
    run = payload.inner("workflow_run")
    state = run.text("conclusion", limit=30) or run.text("status", limit=30) or action
    where = run.text("head_branch", limit=100)
    text = said(
        f"{payload.need('repository', 'full_name')}: {run.need('name')}"
        f"{f' on {where}' if where else ''}: {state.replace('_', ' ')}",
        run.link("html_url"),
    )
    thread = f"run {run.need('id')} {run.text('run_attempt')}"
    usual = action in _USUAL["workflow_run"]
    return Report("workflow_run", action, (Said(text, f"{thread} {state}", thread),), usual)


_TELL: dict[str, Callable[[Payload], str]] = {
    "push": _push,
    "issues": _issue,
    "issue_comment": _comment,
    "pull_request": _pull,
    "pull_request_review": _review,
    "release": _release,
    "create": _ref_made("created"),
    "delete": _ref_made("deleted"),
    "deployment_status": _deployment,
    "discussion": _discussion,
}
