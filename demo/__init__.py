"""The demo: a private server, the bot and a small crowd; what happens is told on the terminal and proven at the end.

``python -m demo``; see ``demo.__main__`` for its options.
"""
