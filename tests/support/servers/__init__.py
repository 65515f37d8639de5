"""Real servers for tests, and faulty ones."""
