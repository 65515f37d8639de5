"""What the built-in algorithms cost, as `benchmarks/costs.py` measured it."""

from __future__ import annotations

from tdajob.topology.about import Cost

VIETORIS_RIPS = (Cost(1e-7, 2.0, 3.0, 5000, max_dimension=1),)
DTM_RIPS = VIETORIS_RIPS
SPARSE_RIPS = VIETORIS_RIPS
WITNESS = VIETORIS_RIPS
ALPHA = VIETORIS_RIPS
CECH = VIETORIS_RIPS
