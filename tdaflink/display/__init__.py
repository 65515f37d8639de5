"""Output of values as tables, barcodes, pictures, JSON and YAML."""
