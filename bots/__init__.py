"""Bots that people deploy as they are. They stand on botkit's public face only."""
