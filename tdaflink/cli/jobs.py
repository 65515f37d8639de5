"""Commands to come in this change."""
