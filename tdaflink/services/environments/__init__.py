"""Environments: setup, supervision, topics, teardown."""
