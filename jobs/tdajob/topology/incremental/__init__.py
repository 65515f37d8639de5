"""Rips persistence in H0 and H1 of windows that change little from one diagram to the next."""
