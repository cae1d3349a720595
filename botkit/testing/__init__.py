"""Real servers and helpers for testing bots; for botkit's own tests and for bot authors.

General layout: ``prosody`` starts a private Prosody, ``prosody_install`` finds or fetches one (through
``prosody_apt``), ``prosody_config`` writes its configuration and accounts, ``certificates`` its certificates.
"""
