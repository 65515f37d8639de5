"""Files that the command keeps and reads."""
