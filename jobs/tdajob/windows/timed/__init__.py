"""Tumbling and sliding windows of event time."""
