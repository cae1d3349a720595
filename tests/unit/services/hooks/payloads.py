"""Payloads as the services document them, written for these tests and cut to what they tell."""

from __future__ import annotations

from typing import Any

REPOSITORY = {"id": 1, "full_name": "acme/rocket", "html_url": "https://forge.example/acme/rocket"}
ALICE = {"login": "alice", "id": 7, "type": "User"}


def commit(number: int, message: str) -> dict[str, Any]:
    return {"id": f"{number:040x}", "message": message, "url": f"https://forge.example/c/{number}", "author": ALICE}


def push(**changes: Any) -> dict[str, Any]:
    """GitHub's ``push``."""
    given: dict[str, Any] = {
        "ref": "refs/heads/main",
        "before": "a" * 40,
        "after": "b" * 40,
        "created": False,
        "deleted": False,
        "forced": False,
        "compare": "https://forge.example/acme/rocket/compare/aaa...bbb",
        "commits": [commit(0xABC1234 << 132, "Fix the fuel gauge\n\nIt stuck."), commit(2 << 156, "Add *bold* claims")],
        "pusher": {"name": "alice", "email": "alice@example.org"},
        "repository": REPOSITORY,
        "sender": ALICE,
    }
    return given | changes


def issue(action: str = "opened", **changes: Any) -> dict[str, Any]:
    """GitHub's ``issues``."""
    thing = {"number": 5, "title": "It explodes", "html_url": "https://forge.example/acme/rocket/issues/5"} | changes
    return {"action": action, "issue": thing, "repository": REPOSITORY, "sender": ALICE}


def pull(action: str = "opened", *, merged: bool = False) -> dict[str, Any]:
    """GitHub's ``pull_request``."""
    thing = {
        "number": 6,
        "title": "Less fuel",
        "html_url": "https://forge.example/acme/rocket/pull/6",
        "merged": merged,
        "state": "closed" if merged else "open",
    }
    return {"action": action, "number": 6, "pull_request": thing, "repository": REPOSITORY, "sender": ALICE}


RELEASE = {
    "action": "published",
    "release": {"tag_name": "v2.1", "name": "To the moon", "html_url": "https://forge.example/acme/rocket/releases/1"},
    "repository": REPOSITORY,
    "sender": ALICE,
}


def workflow(action: str = "completed", conclusion: str | None = "failure") -> dict[str, Any]:
    """GitHub's ``workflow_run``."""
    run = {
        "id": 99,
        "run_attempt": 1,
        "name": "tests",
        "head_branch": "main",
        "status": action,
        "conclusion": conclusion,
        "html_url": "https://forge.example/acme/rocket/actions/runs/99",
    }
    return {"action": action, "workflow_run": run, "repository": REPOSITORY, "sender": ALICE}


GITEA_PUSH = {
    "ref": "refs/heads/develop",
    "before": "a" * 40,
    "after": "b" * 40,
    "compare_url": "https://tea.example/acme/rocket/compare/aaa...bbb",
    "commits": [commit(1 << 152, "One thing")],
    "total_commits": 4,
    "repository": REPOSITORY,
    "pusher": {"id": 1, "login": "bob", "username": "bob"},
    "sender": {"login": "bob"},
}

PROJECT = {
    "id": 3,
    "name": "rocket",
    "path_with_namespace": "acme/rocket",
    "web_url": "https://lab.example/acme/rocket",
}
GITLAB_PUSH = {
    "object_kind": "push",
    "event_name": "push",
    "before": "a" * 40,
    "after": "b" * 40,
    "ref": "refs/heads/main",
    "user_name": "Alice A.",
    "user_username": "alice",
    "project": PROJECT,
    "commits": [
        {"id": "c" * 40, "message": "Fix it", "url": "https://lab.example/c/ccc", "author": {"name": "Alice"}},
        {"id": "d" * 40, "message": "Fix it again\n", "url": "https://lab.example/c/ddd", "author": {"name": "Alice"}},
    ],
    "total_commits_count": 2,
}
GITLAB_TAG = {
    "object_kind": "tag_push",
    "before": "0" * 40,
    "after": "b" * 40,
    "ref": "refs/tags/v1.0",
    "user_name": "Alice A.",
    "project": PROJECT,
    "commits": [],
    "total_commits_count": 0,
}
GITLAB_MERGE = {
    "object_kind": "merge_request",
    "event_type": "merge_request",
    "user": {"id": 1, "name": "Alice A.", "username": "alice"},
    "project": PROJECT,
    "object_attributes": {
        "id": 90,
        "iid": 8,
        "title": "Less fuel",
        "state": "merged",
        "action": "merge",
        "url": "https://lab.example/acme/rocket/-/merge_requests/8",
    },
}
GITLAB_ISSUE = {
    "object_kind": "issue",
    "user": {"id": 1, "name": "Alice A."},
    "project": PROJECT,
    "object_attributes": {"iid": 9, "title": "It smokes", "action": "open", "url": "https://lab.example/i/9"},
}
GITLAB_NOTE = {
    "object_kind": "note",
    "user": {"name": "Alice A."},
    "project": PROJECT,
    "object_attributes": {
        "note": "Looks\ngood",
        "noteable_type": "MergeRequest",
        "action": "create",
        "url": "https://lab.example/acme/rocket/-/merge_requests/8#note_1",
    },
    "merge_request": {"iid": 8, "title": "Less fuel"},
}
GITLAB_RELEASE = {
    "object_kind": "release",
    "action": "create",
    "tag": "v1.1",
    "name": "v1.1",
    "url": "https://lab.example/acme/rocket/-/releases/v1.1",
    "project": PROJECT,
}


def pipeline(status: str = "failed") -> dict[str, Any]:
    """GitLab's ``pipeline``."""
    return {
        "object_kind": "pipeline",
        "object_attributes": {"id": 31, "iid": 3, "ref": "main", "status": status, "duration": 63},
        "user": {"name": "Alice A."},
        "project": PROJECT,
    }


def alert(status: str = "firing", fingerprint: str = "c0ffee", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "DiskFull", "severity": "critical", "instance": "db1:9100", **labels},
        "annotations": {"summary": "Disk of db1 is 97 % full"},
        "startsAt": "2026-11-21T09:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-21T09:30:00Z",
        "generatorURL": "https://prometheus.example/graph?g0.expr=disk",
        "fingerprint": fingerprint,
    }


def alertmanager(*alerts: dict[str, Any], status: str = "firing") -> dict[str, Any]:
    """Alertmanager's ``webhook_config``, version 4."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="DiskFull"}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "team",
        "groupLabels": {"alertname": "DiskFull"},
        "commonLabels": {"alertname": "DiskFull"},
        "commonAnnotations": {},
        "externalURL": "https://alertmanager.example",
        "alerts": list(alerts) or [alert(status)],
    }


def grafana(status: str = "firing") -> dict[str, Any]:
    """Grafana Alerting's webhook."""
    one = {
        "status": status,
        "labels": {"alertname": "High load", "grafana_folder": "ops"},
        "annotations": {},
        "startsAt": "2026-11-21T09:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "valueString": "[ var='A' labels={instance=db1} value=9.5 ]",
        "values": {"A": 9.5},
        "generatorURL": "https://grafana.example/alerting/grafana/x/view",
        "dashboardURL": "https://grafana.example/d/abc",
        "panelURL": "https://grafana.example/d/abc?viewPanel=1",
        "silenceURL": "https://grafana.example/alerting/silence/new",
        "fingerprint": "feed",
    }
    return {
        "receiver": "team",
        "status": status,
        "orgId": 1,
        "alerts": [one],
        "title": f"[{status.upper()}:1] High load",
        "state": "alerting",
        "message": "**Firing**",
        "version": "1",
        "truncatedAlerts": 0,
    }
