"""The job's settings, read strictly from JSON."""
