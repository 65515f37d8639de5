"""The runtime of local processes."""
