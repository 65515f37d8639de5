"""The classes between PyFlink and Beam: built from their sources, and first in the class path."""

from __future__ import annotations

import shutil

import beam_guard
import pytest

from tdaflink.resources import beam_guard as shipped


def test_the_jar_was_built_from_the_sources_beside_it() -> None:
    assert beam_guard.digest_in_jar() == beam_guard.sources_digest()
    assert beam_guard.JAR.read_bytes() == shipped().read_bytes()


def test_it_comes_before_flinks_own_jars() -> None:
    assert sorted([shipped().name, "flink-python-2.2.1.jar", "flink-cep-2.2.1.jar"])[0] == shipped().name


@pytest.mark.skipif(shutil.which("javac") is None, reason="only a JDK can compile the sources")
def test_the_sources_compile_against_the_installed_flink() -> None:
    pytest.importorskip("pyflink", reason="PyFlink has no wheel for this Python")
    assert "tdaflink/beam/GuardedState.class" in beam_guard.compiled()
