"""Uploads: messages that name a file, from which the points are read."""
