"""Jobs from the options of a call: the shipped job, a script, or a changed version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdaflink.adapters.storage.shipped_profiles import load_profile
from tdaflink.domain.config.layers import Layer, Resolved
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import TdaflinkError
from tdaflink.services.jobs.config_resolution import ConfigOverrides, configure, named_job
from tdaflink.services.jobs.preparation import (
    PartitionCounts,
    SubmitRequest,
    rebuild_script_job,
    script_job,
    shipped_job,
)
from tdaflink.services.jobs.run_request import JobPackage

if TYPE_CHECKING:
    from tdaflink.adapters.flink.client import FlinkRest
    from tdaflink.domain.jobs.history import Version
    from tdaflink.services.control import JobControlContext


@dataclass(frozen=True)
class JobBuilder:
    """Builder of jobs for one environment.

    `partitions` and `cluster` are called only for the shipped job. With `cluster`, a new job for which no
    parallelism is set gets a share of the free slots.
    """

    env: Environment
    warn: Callable[[str], None]
    partitions: PartitionCounts
    cluster: Callable[[], FlinkRest] | None = None

    def resolve(self, asked: ConfigOverrides, below: Layer | None = None) -> Resolved:
        """Merge and validate the config of a call. Raises `ConfigError`."""
        return configure(asked, self.env, self._profile_settings(), self.warn, below)

    def job_name(self, asked: ConfigOverrides, script: Path | None) -> tuple[str, bool]:
        """Return the name of the job, and whether the call itself gives it."""
        name, named = named_job(asked, self.env, self._profile_settings())
        return (script.stem, True) if script is not None and not named else (name, named)

    def build(self, asked: ConfigOverrides, wanted: SubmitRequest, below: Layer | None = None) -> JobPackage:
        """Build a new job: the shipped one, or a script."""
        resolved = self.resolve(asked, below)
        if wanted.script is not None:
            return script_job(resolved, wanted)
        free = None if "parallelism" in resolved.config.model_fields_set else self._free_slots()
        return shipped_job(resolved, self.env, wanted, self.partitions, self.warn, free)

    def build_version(
        self,
        control: JobControlContext,
        version: Version,
        asked: ConfigOverrides,
        wanted: SubmitRequest,
        *,
        renamed: bool = False,
    ) -> JobPackage:
        """Build a new version of a job: `version` with its files and arguments, changed by the call.

        Raises `Refused` and `UsageError` if that would be another job; with `renamed`, its name may change.
        """
        # Imported here: a new job requires neither.
        from tdaflink.services.upgrades.plan import base_layer, check_kept
        from tdaflink.services.upgrades.versions import included_in, job_from

        resolved = self.resolve(asked, base_layer(version, asked))
        spec = check_kept(version, resolved, script=wanted.script is not None, renamed=renamed)
        if wanted.script is not None:
            return script_job(resolved, wanted)
        if spec.settings is None:
            return rebuild_script_job(
                resolved, job_from(spec, resolved.config.job_name, control), wanted.arguments
            )
        carried = {} if wanted.include else included_in(spec, control)
        wanted = replace(wanted, carried=carried)
        return shipped_job(resolved, self.env, wanted, self.partitions, self.warn)

    def _profile_settings(self) -> Mapping[str, Any]:
        return load_profile(self.env.profile).job if self.env.is_managed else {}

    def _free_slots(self) -> int | None:
        """Return the cluster's free slots, 0 if it does not respond: a dry run works without it."""
        if self.cluster is None:
            return None
        try:
            return self.cluster().slots()[0]
        except TdaflinkError:
            return 0
