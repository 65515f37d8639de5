"""Persistent homology of point clouds: pure numpy, scipy and gudhi, without Flink."""
