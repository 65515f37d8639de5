"""This machine, its tools and this command."""
