"""Draft of the environment that a setup creates: profile, ports, interpreter and saved options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tdaflink.adapters.local_runtime.process_table import port_is_free
from tdaflink.adapters.local_runtime.supervisor_file import is_supervised
from tdaflink.adapters.python.cluster_python import named_interpreter
from tdaflink.adapters.runtimes import not_managed_error, runtime_for, traits_of
from tdaflink.adapters.storage.environment_store import DEFAULT_NAME, EnvironmentStore
from tdaflink.adapters.storage.locks import PortClaims
from tdaflink.adapters.storage.shipped_profiles import load_profile, profile_names, profile_of
from tdaflink.domain.artifacts.cluster_python import AUTOMATIC, PYTHON
from tdaflink.domain.environments.alerts import NO_WEBHOOK, WEBHOOK, checked_webhook, shown_webhook
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.environments.profile import S3_ROLE, SCALE, Profile
from tdaflink.domain.environments.scrape_targets import shows_metrics, with_metrics
from tdaflink.domain.environments.setup import SetupRequest
from tdaflink.domain.environments.supervision import with_supervision
from tdaflink.domain.errors import NotFound, Refused, Unhealthy, UsageError
from tdaflink.services.environments.application_cluster import placed

_OFFSET_STEP = 100
_OFFSETS = 200


def resolve_environment(request: SetupRequest, store: EnvironmentStore) -> tuple[Environment, Profile]:
    """Return the environment that a setup would create; nothing is written or started."""
    name = store.chosen_name(request.env)
    profile = load_profile(_profile_name(request, name, store.find(name)))
    with PortClaims() as claims:
        environment = _environment(request, name, store, profile, claims)
    return environment, profile_of(environment)


def reserve(
    request: SetupRequest, name: str, store: EnvironmentStore, claims: PortClaims
) -> tuple[Environment, Profile]:
    """Return the environment that setup creates; a port offset chosen here is reserved at once."""
    with store.lock_ports():
        profile = load_profile(_profile_name(request, name, store.find(name)))
        environment = _environment(request, name, store, profile, claims)
        saved = store.find(name)
        if request.port_offset == "auto" and (saved is None or saved.port_offset != environment.port_offset):
            store.save(environment)
    return environment, profile_of(environment)


def _profile_name(request: SetupRequest, name: str, saved: Environment | None) -> str:
    if saved and not saved.is_managed:
        raise not_managed_error(saved)
    if saved and request.profile and saved.profile != request.profile:
        raise UsageError(
            f"environment {name!r} was made from the profile {saved.profile!r}, not {request.profile!r}",
            hint=f"tdaflink teardown --env {name} --purge, or choose another name",
        )
    unsaid = DEFAULT_NAME if request.application else name
    chosen = request.profile or (saved.profile if saved else unsaid)
    if chosen not in profile_names() and not request.profile:
        raise NotFound(
            f"{name!r} is neither a saved environment nor a profile ({', '.join(profile_names())})",
            hint=f"tdaflink setup --env {name} --profile {DEFAULT_NAME} makes an environment of that name",
        )
    return chosen


def _environment(
    request: SetupRequest, name: str, store: EnvironmentStore, profile: Profile, claims: PortClaims
) -> Environment:
    saved = store.find(name)
    if saved and saved.runtime != profile.runtime:
        runtime_for(saved, store)
    draft = saved or Environment(name, profile.name, profile.runtime, Endpoints("", "", ""), "")
    draft = with_scale(placed(draft, request, store), scale=request.scale)
    offset = _offset(request, draft, store, profile, claims, known=saved is not None)
    details = _details(request, draft)
    python = runtime_for(replace(draft, details=details), store).python_plan().python
    now = (offset, python, details, draft.endpoints)
    if saved and now == (saved.port_offset, saved.python, saved.details, saved.endpoints):
        return saved
    if saved and _runs(saved, store):
        if offset != saved.port_offset:
            raise Refused(
                f"{name} runs with port offset {saved.port_offset}, so it cannot move to {offset}",
                hint=f"tdaflink teardown --env {name} first; its data stays",
            )
        if request.python and details.get(PYTHON) != saved.details.get(PYTHON):
            raise Refused(
                f"{name} runs with {saved.python}, so it cannot change to --python {request.python} now",
                hint=f"tdaflink teardown --env {name} first; its data stays",
            )
        return replace(saved, details=details, endpoints=draft.endpoints)
    moved = replace(draft, port_offset=offset, python=python, details=details)
    return replace(moved, endpoints=runtime_for(moved, store).endpoints())


def with_scale(environment: Environment, *, scale: bool | None) -> Environment:
    """Return the environment scaled down, or in full size; unchanged if `scale` is None."""
    if scale is None:
        return environment
    details = {key: value for key, value in environment.details.items() if key != SCALE}
    return replace(environment, details={**details, SCALE: "on"} if scale else details)


def _details(request: SetupRequest, draft: Environment) -> Mapping[str, str]:
    """Return the saved options: those of this call override those of earlier calls."""
    details = draft.details if request.metrics is None else with_metrics(draft.details, request.metrics)
    if request.supervise is not None:
        if request.supervise and not traits_of(draft).supports_supervision:
            raise UsageError(f"--supervise goes with local environments, and {draft.name} is none")
        details = with_supervision(details, request.supervise)
    details = _with_webhook(request, draft, details)
    if request.s3_role is not None:
        details = {key: value for key, value in details.items() if key != S3_ROLE}
        details |= {S3_ROLE: "on"} if request.s3_role else {}
    said = {"storage": request.storage, "s3_endpoint": request.s3_endpoint}
    if (any(said.values()) or request.s3_role) and not traits_of(draft).has_storage_options:
        option = "--storage" if any(said.values()) else "--s3-role"
        raise UsageError(f"{option} goes with environments in containers, and {draft.name} is none")
    return {**_with_python(request, draft, details), **{key: value for key, value in said.items() if value}}


def _with_webhook(request: SetupRequest, draft: Environment, details: Mapping[str, str]) -> dict[str, str]:
    """Return the details with the host of the webhook; the rest of its address is stored with the secrets."""
    others = {name: value for name, value in details.items() if name != WEBHOOK}
    if request.webhook == NO_WEBHOOK:
        return others
    if request.webhook is None:
        _require_sender(draft, details, f"alerts go to {details.get(WEBHOOK)}")
        return dict(details)
    address = checked_webhook(request.webhook, "--webhook")
    wanted = {**others, WEBHOOK: shown_webhook(address)}
    if not (traits_of(draft).supports_supervision or load_profile(draft.profile).has_alertmanager):
        raise UsageError(
            f"{draft.name} has no Alertmanager that could send alerts: profile {draft.profile}",
            hint="tdaflink setup --env staging --webhook URL, or prod",
        )
    _require_sender(draft, wanted, "--webhook")
    return wanted


def _require_sender(draft: Environment, details: Mapping[str, str], what: str) -> None:
    local = replace(draft, details=details)
    sent = is_supervised(local) or shows_metrics(local)
    if traits_of(draft).supports_supervision and WEBHOOK in details and not sent:
        raise UsageError(
            f"{what}: a local environment's alerts are sent by its supervisor, and that is switched off",
            hint="tdaflink setup --supervise, or tdaflink setup --webhook none",
        )


def _with_python(request: SetupRequest, draft: Environment, details: Mapping[str, str]) -> Mapping[str, str]:
    """Return the details with the interpreter of --python, or without that of an earlier call."""
    if (request.python or request.find_links) and not traits_of(draft).uses_host_python:
        option = "--python" if request.python else "--find-links"
        raise UsageError(f"{option} goes with local environments, and {draft.name} is none")
    if request.python is None:
        return details
    others = {key: value for key, value in details.items() if key != PYTHON}
    return others if request.python == AUTOMATIC else {**others, PYTHON: named_interpreter(request.python)}


def _offset(
    request: SetupRequest,
    draft: Environment,
    store: EnvironmentStore,
    profile: Profile,
    claims: PortClaims,
    *,
    known: bool,
) -> int:
    if request.port_offset is None:
        return draft.port_offset
    if request.port_offset != "auto":
        return request.port_offset
    others = [store.find(name) for name in store.names() if name != draft.name]
    reserved = {port for other in others if other for port in _ports(other)}
    if known and _runs(draft, store):
        return draft.port_offset
    remembered = [draft.port_offset] if known else []
    for offset in remembered + list(range(0, _OFFSETS * _OFFSET_STEP, _OFFSET_STEP)):
        # Claimed before the check: the process that claimed it earlier may have bound its ports by now.
        if claims.take(offset) and _usable(profile, offset, reserved):
            return offset
    raise Unhealthy("no port offset has all its ports free", hint="tdaflink setup --port-offset N")


def _ports(environment: Environment) -> set[int]:
    if environment.profile not in profile_names():
        return set()
    return set(profile_of(environment).ports_at(environment.port_offset).values())


def _usable(profile: Profile, offset: int, reserved: set[int]) -> bool:
    ports = profile.ports_at(offset).values()
    return reserved.isdisjoint(ports) and all(port_is_free(port) for port in ports)


def _runs(environment: Environment, store: EnvironmentStore) -> bool:
    return runtime_for(environment, store).is_running()
