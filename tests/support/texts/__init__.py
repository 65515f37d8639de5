"""Readers of texts for users: docs, hints, vocabulary, dashboards."""
