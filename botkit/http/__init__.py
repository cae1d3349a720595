"""A port for monitoring: is the process alive, is every account and room where it should be, and figures to plot."""
