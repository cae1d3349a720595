"""As much talk as the server can relay, in two hundred rooms: does the bot keep up, and keep its size?"""
