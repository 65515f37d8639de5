"""Changes of running jobs, with their state."""
