"""Real servers that tests talk to, and servers that misbehave."""
