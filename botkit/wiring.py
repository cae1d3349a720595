"""From a config to what the parts of a bot want to know."""

from __future__ import annotations

from botkit.loading import LoadedConfig
from botkit.session.connection import ConnectionSettings


def connection_settings(loaded: LoadedConfig) -> ConnectionSettings:
    """How the config wants its account connected."""
    account = loaded.config.account
    return ConnectionSettings(
        address=account.jid.with_resource(account.resource),
        password=account.password.resolve,
        host=account.host,
        port=account.port,
        tls=account.tls,
        ca_file=account.ca_file,
        allow_plain=account.allow_plain,
        connect_timeout=account.connect_timeout.total_seconds(),
        request_timeout=account.request_timeout.total_seconds(),
    )
