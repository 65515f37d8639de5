"""Jobs from their config to their submission."""
