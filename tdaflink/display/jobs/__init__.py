"""Jobs on the terminal."""
