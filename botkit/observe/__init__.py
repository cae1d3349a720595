"""How an account is and what it did, put together from what its parts know and count."""
