"""Readers of what users read: docs, hints, words, dashboards."""
