"""The lane of heavy requests."""
