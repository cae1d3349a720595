"""What botkit costs, side by side with its peers: ``python -m benchmarks`` (``make bench``)."""
