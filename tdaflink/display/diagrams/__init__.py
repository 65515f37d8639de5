"""Results: tables, barcodes, diagrams and pages."""
