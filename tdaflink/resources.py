"""The only place that knows where shipped files lie: in the wheel's folder, else in the checkout's."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    in_wheel = _PACKAGE / name
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parent / name


def jobs_folder() -> Path:
    """The folder of the shipped PyFlink job: main.py, tdajob/ and the sample configs."""
    return _shipped("jobs")


def beam_guard() -> Path:
    """The JAR that Flink's lib folder has before flink-python: its sources lie beside it."""
    return jobs_folder() / "java" / "beam-guard.jar"


def profiles_folder() -> Path:
    """The folder of the shipped profiles, the topic catalogue, the versions and the JAR lock."""
    return _shipped("profiles")


def formats_folder() -> Path:
    """The package of the readers that the command shares with the job, which carries a copy of it."""
    return _PACKAGE.parent / "tdaformats"
