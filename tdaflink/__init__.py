"""Topological data analysis on live streams: the control plane for Apache Flink clusters."""

__version__ = "0.1.0"
