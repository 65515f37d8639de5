"""Persistence of flag filtrations, which the lengths of their edges alone determine."""
