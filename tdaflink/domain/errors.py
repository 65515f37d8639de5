"""All errors that the command reports, each with its exit code, its kind and a hint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tdaflink.domain.environments.credentials import hide_credentials


class TdaflinkError(Exception):
    """Base of all errors that the command reports.

    `message` is the problem and the value at fault, `hint` the command or change that fixes it, `detail` is
    longer material (a traceback, the end of a log); `noise` is shown with -v only. URLs in all of them are
    shown without user and password.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "error"

    def __init__(
        self, message: str, *, hint: str | None = None, detail: str | None = None, noise: str | None = None
    ) -> None:
        self.message = hide_credentials(message)
        super().__init__(self.message)
        self.hint = hide_credentials(hint)
        self.detail = hide_credentials(detail)
        self.noise = hide_credentials(noise)

    def as_dict(self) -> Mapping[str, Any]:
        """Return the JSON form {"error": {"code", "kind", "message", "hint"}}, with `detail` if any."""
        error: dict[str, Any] = {
            "code": self.exit_code,
            "kind": self.kind,
            "message": self.message,
            "hint": self.hint,
        }
        if self.detail:
            error["detail"] = self.detail
        return {"error": error}


class UsageError(TdaflinkError):
    """The arguments of the command are invalid or contradict each other."""

    exit_code = 2
    kind = "usage"


class ConfigError(TdaflinkError):
    """A config value is missing, unknown or out of range; the message names field, value and reason."""

    exit_code = 2
    kind = "invalid_config"


class Unreachable(TdaflinkError):
    """An endpoint did not respond within its deadline."""

    exit_code = 3
    kind = "unreachable"


class UnexpectedAnswer(Unreachable):
    """The service at an address is not the expected one, or its response has another form."""

    kind = "unexpected_answer"


class AccessDenied(TdaflinkError):
    """An endpoint rejected the credentials or certificates."""

    exit_code = 3
    kind = "access_denied"


class NotFound(TdaflinkError):
    """The named job, environment, topic or file does not exist."""

    exit_code = 4
    kind = "not_found"


class JobFailed(TdaflinkError):
    """A job could not be started, failed, or keeps restarting; `detail` has its Python traceback."""

    exit_code = 5
    kind = "job_failed"


class DeadlinePassed(TdaflinkError):
    """An awaited event did not occur within its deadline."""

    exit_code = 6
    kind = "timed_out"


class Unhealthy(TdaflinkError):
    """An environment or one of its components is not healthy."""

    exit_code = 10
    kind = "unhealthy"


class Interrupted(TdaflinkError):
    """Interrupted by Ctrl-C; the message describes the state that remains."""

    exit_code = 130
    kind = "interrupted"


class PortTaken(TdaflinkError):
    """A port that the environment needs is in use by another process, which the message names."""

    kind = "port_taken"


class BadArtifact(TdaflinkError):
    """A downloaded file differs from the locked one; it was deleted."""

    kind = "bad_artifact"


class MissingExtra(TdaflinkError):
    """A part of tdaflink that this call needs is not installed."""

    kind = "missing_extra"


class Refused(TdaflinkError):
    """A service refused the request; `reason` is its own explanation."""

    kind = "refused"

    def __init__(self, message: str, *, reason: str = "", **more: str | None) -> None:
        super().__init__(message, **more)
        self.reason = reason or message


class Incompatible(TdaflinkError):
    """A schema is not compatible as the next version of its subject; `detail` lists the differences."""

    kind = "incompatible"


class Locked(TdaflinkError):
    """Another command is changing the same environment, job or file."""

    kind = "locked"


class StorageFailed(TdaflinkError):
    """A file could not be written: the disk is full, or the folder is not writable."""

    kind = "storage"


class InternalError(TdaflinkError):
    """An unexpected exception: a bug of tdaflink."""

    exit_code = 70
    kind = "internal"


class UnexpectedResult(TdaflinkError):
    """A computation with a known result returned a different one."""

    kind = "unexpected_result"


class OutputFailed(TdaflinkError):
    """Standard output is closed or cannot be written to."""

    kind = "output"
