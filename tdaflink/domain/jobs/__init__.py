"""Jobs on a cluster: identity, history, saved state and operations."""
