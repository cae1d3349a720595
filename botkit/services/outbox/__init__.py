"""What the bot sends: in order of urgency, at the rate that rooms and servers bear, and notices exactly once."""
