"""JARs and Python packages on the terminal."""
