"""Environments on the terminal."""
