"""A bot under every fault that we can make, and an independent reader who compares what it knows with what was said."""
