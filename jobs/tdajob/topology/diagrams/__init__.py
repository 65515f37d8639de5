"""Persistence diagrams: bars, distances, summaries, vectors."""
