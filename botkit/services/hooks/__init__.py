"""Webhooks: requests of other programs, read, checked and said as notices. Nothing here: the worker starts fast."""
