"""Point clouds: distances, triangulations, lattices, scales."""
