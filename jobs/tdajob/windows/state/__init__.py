"""The points of windows and their state as bytes."""
