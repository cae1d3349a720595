"""The running bot's socket: what it can be asked and told from the shell. One JSON object a line, both ways."""
