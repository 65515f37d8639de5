"""The route of uploads: a message names a file, and the points come from there."""
