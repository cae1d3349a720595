"""What is said of the payloads of each service."""

from __future__ import annotations

import pytest

from botkit.errors import BadPayload
from botkit.services.hooks.alerts import alerts_report
from botkit.services.hooks.forge import forge_report
from botkit.services.hooks.gitlab import gitlab_report
from botkit.services.hooks.payload import Payload, Report
from tests.unit.services.hooks import payloads as p


def github(event: str, payload: dict[str, object]) -> Report:
    return forge_report({"x-github-event": event}, Payload(payload))


def text(report: Report) -> str:
    (said,) = report.said
    return said.text


def test_a_push_names_who_how_much_what_and_where() -> None:
    report = github("push", p.push())
    assert (report.name, report.usual) == ("push", True)
    assert text(report) == (
        "acme/rocket: alice pushed 2 commits to main\n"
        "abc1234 Fix the fuel gauge\n"
        "2000000 Add \u200b*bold* claims\n"
        "https://forge.example/acme/rocket/compare/aaa...bbb"
    )


def test_a_large_push_shows_the_newest_commits_and_counts_the_others() -> None:
    commits = [p.commit(n << 140, f"Commit {n}") for n in range(20)]
    lines = text(github("push", p.push(commits=commits, forced=True))).splitlines()
    assert lines[0] == "acme/rocket: alice force-pushed 20 commits to main"
    assert lines[1] == "… and 17 before"
    assert [one.partition(" ")[2] for one in lines[2:5]] == ["Commit 17", "Commit 18", "Commit 19"]


def test_branches_and_tags_that_come_and_go_are_told() -> None:
    gone = p.push(deleted=True, commits=[], compare="")
    tag = p.push(ref="refs/tags/v1", created=True, commits=[], compare="javascript:alert(1)")
    assert text(github("push", gone)) == "acme/rocket: alice deleted the branch main"
    assert text(github("push", tag)) == "acme/rocket: alice created the tag v1"


def test_issues_and_pull_requests() -> None:
    assert text(github("issues", p.issue())) == (
        "acme/rocket: alice opened issue #5 It explodes\nhttps://forge.example/acme/rocket/issues/5"
    )
    assert text(github("pull_request", p.pull("closed", merged=True))) == (
        "acme/rocket: alice merged pull request #6 Less fuel\nhttps://forge.example/acme/rocket/pull/6"
    )
    assert github("issues", p.issue()).name == "issues.opened"
    assert not github("issues", p.issue("labeled")).usual
    assert not github("pull_request", p.pull("synchronize")).usual


def test_a_release() -> None:
    assert text(github("release", p.RELEASE)) == (
        "acme/rocket: alice published release v2.1 (To the moon)\nhttps://forge.example/acme/rocket/releases/1"
    )


def test_a_workflow_run_belongs_to_one_thread() -> None:
    running, failed = github("workflow_run", p.workflow("in_progress", None)), github("workflow_run", p.workflow())
    assert text(running).startswith("acme/rocket: tests on main: in progress\n")
    assert text(failed).startswith("acme/rocket: tests on main: failure\n")
    assert running.said[0].thread == failed.said[0].thread is not None
    assert running.said[0].key != failed.said[0].key
    assert (running.usual, failed.usual) == (False, True)


def test_an_event_without_a_text_says_nothing() -> None:
    assert github("ping", {"zen": "Keep it logically awesome."}) == Report("ping", "", (), usual=False)


def test_gitea_tells_it_in_its_own_words() -> None:
    report = forge_report({"x-gitea-event": "push", "x-github-event": "push"}, Payload(p.GITEA_PUSH))
    assert text(report) == (
        "acme/rocket: bob pushed 4 commits to develop\n… and 3 before\n0100000 One thing\n"
        "https://tea.example/acme/rocket/compare/aaa...bbb"
    )


@pytest.mark.parametrize(
    ("event", "review", "done"),
    [
        ({"x-gitea-event": "pull_request_approved"}, {"type": "pull_request_review_approved"}, "approved"),
        ({"x-gitea-event": "pull_request_rejected"}, {"type": "pull_request_review_rejected"}, "wants changes to"),
        ({"x-gitea-event": "pull_request_comment"}, {"type": "pull_request_review_comment"}, "reviewed"),
        ({"x-github-event": "pull_request_review"}, {"state": "changes_requested"}, "wants changes to"),
    ],
)
def test_reviews(event: dict[str, str], review: dict[str, str], done: str) -> None:
    action = "submitted" if "x-github-event" in event else "reviewed"
    report = forge_report(event, Payload(p.pull(action) | {"review": review}))
    assert (report.name, report.usual) == ("pull_request_review.submitted", True)
    assert (
        text(report) == f"acme/rocket: alice {done} pull request #6 Less fuel\nhttps://forge.example/acme/rocket/pull/6"
    )


def test_a_comment_on_a_pull_request_is_a_comment() -> None:
    payload = p.issue("created") | {"comment": {"body": "Well\n> done", "html_url": "https://forge.example/c/1"}}
    for headers in ({"x-gitea-event": "pull_request_comment"}, {"x-github-event": "issue_comment"}):
        report = forge_report(headers, Payload(payload))
        assert report.name == "issue_comment.created"
        assert text(report) == (
            "acme/rocket: alice commented on #5 It explodes\nWell > done\nhttps://forge.example/c/1"
        )


@pytest.mark.parametrize(
    ("payload", "name", "said"),
    [
        (
            p.GITLAB_PUSH,
            "push",
            "acme/rocket: Alice A. pushed 2 commits to main\nccccccc Fix it\nddddddd Fix it again\n"
            "https://lab.example/c/ddd",
        ),
        (p.GITLAB_TAG, "tag_push", "acme/rocket: Alice A. created the tag v1.0"),
        (
            p.GITLAB_MERGE,
            "merge_request.merge",
            "acme/rocket: Alice A. merged merge request !8 Less fuel\n"
            "https://lab.example/acme/rocket/-/merge_requests/8",
        ),
        (
            p.GITLAB_ISSUE,
            "issue.open",
            "acme/rocket: Alice A. opened issue #9 It smokes\nhttps://lab.example/i/9",
        ),
        (
            p.GITLAB_NOTE,
            "note",
            "acme/rocket: Alice A. commented on !8 Less fuel\nLooks good\n"
            "https://lab.example/acme/rocket/-/merge_requests/8#note_1",
        ),
        (
            p.GITLAB_RELEASE,
            "release.create",
            "acme/rocket: release v1.1 created\nhttps://lab.example/acme/rocket/-/releases/v1.1",
        ),
        (
            p.pipeline(),
            "pipeline.failed",
            "acme/rocket: pipeline #31 on main: failed after 1 min 3 s\nhttps://lab.example/acme/rocket/-/pipelines/31",
        ),
    ],
    ids=["push", "tag", "merge", "issue", "note", "release", "pipeline"],
)
def test_gitlab(payload: dict[str, object], name: str, said: str) -> None:
    report = gitlab_report({}, Payload(payload))
    assert (report.name, report.usual, text(report)) == (name, True, said)


def test_a_pipeline_that_runs_is_not_told_unless_asked_for() -> None:
    assert not gitlab_report({}, Payload(p.pipeline("running"))).usual


def test_an_alert_fires_and_is_resolved_in_one_thread() -> None:
    firing, resolved = (alerts_report({}, Payload(p.alertmanager(status=s))) for s in ("firing", "resolved"))
    assert text(firing) == (
        "FIRING: DiskFull (critical) at db1:9100\nDisk of db1 is 97 % full\n"
        "https://prometheus.example/graph?g0.expr=disk"
    )
    assert text(resolved).startswith("RESOLVED: DiskFull (critical) at db1:9100\n")
    assert firing.said[0].thread == resolved.said[0].thread
    assert firing.said[0].key != resolved.said[0].key


def test_each_alert_of_a_group_is_told_by_itself() -> None:
    mixed = p.alertmanager(p.alert("firing", "one", instance="a"), p.alert("resolved", "two", instance="b"))
    report = alerts_report({}, Payload(mixed))
    assert [said.text.splitlines()[0] for said in report.said] == [
        "FIRING: DiskFull (critical) at a",
        "RESOLVED: DiskFull (critical) at b",
    ]
    many = alerts_report({}, Payload(p.alertmanager(*(p.alert(fingerprint=f"{n}") for n in range(70)))))
    assert len(many.said) == 51
    assert many.said[-1].text == "20 more alerts came with these: firing"


def test_grafana() -> None:
    assert text(alerts_report({}, Payload(p.grafana()))) == (
        "FIRING: High load\n[ var='A' labels={instance=db1} value=9.5 ]\nhttps://grafana.example/d/abc?viewPanel=1"
    )


@pytest.mark.parametrize(
    ("event", "payload", "lacks"),
    [
        ("push", {}, "repository.full_name"),
        ("push", p.push(commits="none"), "commits"),
        ("push", p.push(ref=["x"]), "ref"),
        ("issues", p.issue() | {"issue": None}, "issue"),
        ("release", p.RELEASE | {"release": {}}, "tag_name"),
        ("workflow_run", {}, "workflow_run"),
    ],
)
def test_what_a_payload_lacks_is_named(event: str, payload: dict[str, object], lacks: str) -> None:
    with pytest.raises(BadPayload, match=lacks):
        github(event, payload)


def test_alerts_that_cannot_be_told_apart_are_refused() -> None:
    for alerts in ([], "x", [{"status": "firing"}]):
        with pytest.raises(BadPayload):
            alerts_report({}, Payload({"status": "firing", "alerts": alerts}))


def test_a_stranger_cannot_style_hide_or_flood() -> None:
    title = "```\n> *you* \u202ewon\u0000 " + "x" * 5000
    said = text(github("issues", p.issue(title=title, html_url="https://evil.example/ two")))
    assert "\n" not in said
    assert "\u202e" not in said
    assert "\u200b*you*" in said
    assert len(said) < 300
