"""Typer commands: parse, build adapters, call one service, display its value."""
