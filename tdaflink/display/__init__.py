"""Turns values into tables, barcodes, pictures, JSON and YAML."""
