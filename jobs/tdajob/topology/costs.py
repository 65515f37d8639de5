"""Cost rules of the built-in algorithms, measured by `benchmarks/costs.py` on one core of a small server."""

from __future__ import annotations

from tdajob.topology.about import Cost

VIETORIS_RIPS = (
    Cost(4.6e-07, 1.62, 1.5, 5000, max_dimension=0),
    Cost(4.2e-07, 1.72, 4.5, 5000, max_dimension=1),
    Cost(1.4e-07, 2.09, 25, 2000, max_dimension=2),
)
DTM_RIPS = (
    Cost(7.6e-07, 1.76, 2.7, 5000, max_dimension=0),
    Cost(6.7e-07, 1.78, 2.8, 5000, max_dimension=1),
    Cost(9.7e-07, 1.83, 11, 2000, max_dimension=2),
)
SPARSE_RIPS = (
    Cost(7.4e-07, 1.66, 2.2, 5000, max_dimension=0),
    Cost(8.7e-06, 1.71, 7.9, 500, max_dimension=1),
    Cost(3.3e-07, 3.0, 6.1, 100, max_dimension=2),
)
WITNESS = (
    Cost(1.5e-05, 1.05, 2.2, 5000, max_dimension=0),
    Cost(3.6e-05, 1.11, 4.8, 5000, max_dimension=1),
    Cost(7.8e-05, 1.15, 7.4, 500, max_dimension=2),
)
ALPHA = (
    Cost(3.2e-05, 0.94, 1.1, 5000, coordinates=2),
    Cost(1.2e-05, 1.45, 1.1, 2000, coordinates=3),
    Cost(5.8e-04, 1.23, 1.0, 500, coordinates=4),
    Cost(3.8e-03, 1.3, 1.5, 100, coordinates=5),
)
CECH = (
    Cost(1.4e-05, 1.0, 1.1, 5000, coordinates=2),
    Cost(7.9e-06, 1.39, 1.1, 5000, coordinates=3),
    Cost(6.2e-05, 1.44, 1.1, 1000, coordinates=4),
    Cost(3.1e-06, 2.42, 1.0, 200, coordinates=5),
)
