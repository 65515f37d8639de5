"""Values, configuration models and errors; pydantic alone."""
