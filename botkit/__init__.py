"""A framework and runtime for XMPP bots."""
