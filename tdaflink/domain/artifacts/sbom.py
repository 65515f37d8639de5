"""Software bill of materials in CycloneDX format: the same bytes for the same content."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tdaflink.domain.artifacts.jars import LockedJar
from tdaflink.domain.artifacts.python_lock import LockedPackage

_NAMESPACE = uuid.UUID(
    "4f0f2f52-6a0a-5c43-9d1b-0d8f6d6f2a55"
)  # of this project, for serial numbers derived from content
_PREFIX = "tdaflink:"


@dataclass(frozen=True)
class SbomComponent:
    """One part: a JAR, a Python package or a container image, by its package URL."""

    kind: str
    name: str
    version: str
    purl: str
    group: str = ""
    hashes: tuple[str, ...] = ()
    scope: str = "required"
    notes: tuple[tuple[str, str], ...] = ()


def of_jars(jars: Iterable[LockedJar]) -> list[SbomComponent]:
    """Describe JARs by their Maven coordinates; a JAR in several places is one component."""
    places: dict[str, set[str]] = {}
    unique: dict[str, LockedJar] = {}
    for jar in jars:
        purl = _maven(jar)
        unique[purl] = jar
        places.setdefault(purl, set()).add(jar.place)
    return [
        SbomComponent(
            kind="library",
            group=jar.coordinates.group,
            name=jar.coordinates.artifact,
            version=jar.coordinates.version,
            purl=purl,
            hashes=(jar.sha256,),
            notes=tuple(("place", place) for place in sorted(places[purl])),
        )
        for purl, jar in unique.items()
    ]


def of_packages(packages: Iterable[LockedPackage]) -> list[SbomComponent]:
    """Describe Python packages, each with the hashes of all files that it may be installed from."""
    return [
        SbomComponent(
            kind="library",
            name=package.name,
            version=package.version,
            purl=f"pkg:pypi/{package.name}@{package.version}",
            hashes=package.hashes,
            scope="optional" if package.marker else "required",
            notes=(("marker", package.marker),) if package.marker else (),
        )
        for package in packages
    ]


def of_images(images: Iterable[str]) -> list[SbomComponent]:
    """Describe public container images by name and tag."""
    components = []
    for image in images:
        name, _, tag = image.rpartition(":")
        path = name if "/" in name else f"library/{name}"
        purl = f"pkg:docker/{path}@{tag}"
        components.append(SbomComponent(kind="container", name=name, version=tag, purl=purl))
    return components


def bill(name: str, version: str, components: Sequence[SbomComponent]) -> dict[str, Any]:
    """Return the CycloneDX 1.6 document of `name`; it contains no time and no random number."""
    unique = {component.purl: component for component in components}
    parts = [_part(unique[purl]) for purl in sorted(unique)]
    root = f"{name}@{version}"
    content = {
        "metadata": {
            "component": {"type": "application", "bom-ref": root, "name": name, "version": version},
            "properties": [{"name": f"{_PREFIX}lock", "value": "versions and hashes are those of the locks"}],
        },
        "components": parts,
        "dependencies": [{"ref": root, "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    serial = uuid.uuid5(_NAMESPACE, json.dumps(content, sort_keys=True))
    head = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
    }
    return {**head, **content}


def _maven(jar: LockedJar) -> str:
    coordinates = jar.coordinates
    qualifiers = [
        ("classifier", coordinates.classifier),
        ("type", "" if coordinates.extension == "jar" else coordinates.extension),
    ]
    tail = "&".join(f"{key}={value}" for key, value in qualifiers if value)
    name = f"{coordinates.group}/{coordinates.artifact}@{coordinates.version}"
    return f"pkg:maven/{name}" + (f"?{tail}" if tail else "")


def _part(component: SbomComponent) -> dict[str, Any]:
    part: dict[str, Any] = {
        "type": component.kind,
        "bom-ref": component.purl,
        **({"group": component.group} if component.group else {}),
        "name": component.name,
        "version": component.version,
        "scope": component.scope,
        "purl": component.purl,
    }
    if component.hashes:
        part["hashes"] = [{"alg": "SHA-256", "content": digest} for digest in sorted(component.hashes)]
    if component.notes:
        part["properties"] = [{"name": _PREFIX + key, "value": value} for key, value in component.notes]
    return part
