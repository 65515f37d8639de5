"""Persistent homology of point clouds with numpy, scipy and gudhi, independent of Flink."""
