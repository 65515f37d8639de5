"""Secrets: references, credentials and known values."""
