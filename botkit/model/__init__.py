"""Nouns: frozen values, no I/O, no XML, no await. Everything else in the house speaks in these."""
