"""Values, configuration models and errors; the only dependency is pydantic."""
