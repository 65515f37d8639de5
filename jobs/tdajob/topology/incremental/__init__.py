"""Incremental Rips persistence in H0 and H1 of windows that change little between diagrams."""
