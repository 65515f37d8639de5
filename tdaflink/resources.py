"""Paths of shipped files: in the wheel's folder, else in the checkout's. No other module computes them."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    in_wheel = _PACKAGE / name
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parent / name


def jobs_folder() -> Path:
    """Return the folder of the shipped PyFlink job: main.py, tdajob/ and the sample configs."""
    return _shipped("jobs")


def beam_guard() -> Path:
    """Return the JAR that precedes flink-python in Flink's lib folder; its sources are in the same folder."""
    return jobs_folder() / "java" / "beam-guard.jar"


def profiles_folder() -> Path:
    """Return the folder of the shipped profiles, the topic catalogue, the versions and the JAR lock."""
    return _shipped("profiles")


def formats_folder() -> Path:
    """Return the package of file readers; the bundle of the job contains a copy of it."""
    return _PACKAGE.parent / "tdaformats"
