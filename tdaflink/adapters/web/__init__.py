"""Bounded HTTP calls."""
