"""Persistence of flag filtrations, which are determined by the lengths of their edges."""
