"""Status, logs, dashboard, diagnostics and health checks."""
