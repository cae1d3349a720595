"""What Alertmanager and Grafana tell: groups of alerts that fire and are resolved."""

from __future__ import annotations

from collections.abc import Mapping

from botkit.errors import BadPayload
from botkit.services.hooks.payload import Payload, Report, Said
from botkit.services.hooks.words import line, said

_MOST = 50  # of one request; more are counted
_NAMING = ("instance", "job", "namespace", "pod", "service", "device")


def alerts_report(_headers: Mapping[str, str], payload: Payload) -> Report:
    """What is to be said of a request. Raises ``BadPayload``."""
    status = payload.need("status", limit=20)
    alerts = payload.need_list("alerts")
    if not alerts:
        raise BadPayload("the payload's list `alerts` is empty")
    found = [_alert(one, status) for one in alerts[:_MOST]]
    more = len(alerts) - len(found) + payload.number("truncatedAlerts")
    if more > 0:
        found.append(Said(f"{more} more alerts came with these: {status}"))
    return Report(status, said=tuple(found))


def _alert(alert: Payload, of_group: str) -> Said:
    status = alert.text("status", limit=20) or of_group
    name = alert.text("labels", "alertname", limit=100) or "an alert"
    severity = alert.text("labels", "severity", limit=30)
    what = alert.text("annotations", "summary", limit=300) or alert.text("annotations", "description", limit=300)
    where = ", ".join(found for label in _NAMING if (found := alert.text("labels", label, limit=100)))
    values = alert.text("valueString", limit=200) if status == "firing" and not what else ""
    links = [alert.link(key) for key in ("panelURL", "dashboardURL", "generatorURL")]
    text = said(
        f"{status.upper()}: {name}{f' ({severity})' if severity else ''}{f' at {where}' if where else ''}",
        what,
        values,
        next((one for one in links if one), ""),
    )
    thread = f"alert {_identity(alert)} {line(alert.raw('startsAt'), 40)}"
    return Said(text, f"{thread} {status}", thread)


def _identity(alert: Payload) -> str:
    fingerprint = alert.text("fingerprint", limit=64)
    if fingerprint:
        return fingerprint
    labels = alert.at("labels")
    if not isinstance(labels, dict) or not labels:
        raise BadPayload("an alert has neither `fingerprint` nor `labels`; it cannot be told from others")
    return repr(sorted((str(key), str(value)) for key, value in labels.items()))
