"""Every error that a user can meet, each with its exit code and words that say what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tdaflink.domain.credentials import hide_credentials


class TdaflinkError(Exception):
    """Base of all errors that the command reports.

    `message` says what happened and to which value, `hint` the command or change that mends it,
    `detail` is longer material (a traceback, the end of a log); `noise` is shown with -v only. No URL
    in any of them shows a user or a password.
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
        """The stable JSON form: {"error": {"code", "kind", "message", "hint"}}, and `detail` if any."""
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
    """The call's words do not fit together."""

    exit_code = 2
    kind = "usage"


class ConfigError(TdaflinkError):
    """A config value is missing, unknown or out of range; the message names field, value and reason."""

    exit_code = 2
    kind = "invalid_config"


class Unreachable(TdaflinkError):
    """An endpoint did not answer within its deadline."""

    exit_code = 3
    kind = "unreachable"


class UnexpectedAnswer(Unreachable):
    """What answers at an address is not the service that was asked for, or not in a form that it gives."""

    kind = "unexpected_answer"


class AccessDenied(TdaflinkError):
    """An endpoint answered, and wants other credentials or certificates than it was shown."""

    exit_code = 3
    kind = "access_denied"


class NotFound(TdaflinkError):
    """A job, environment, topic or file that was named does not exist."""

    exit_code = 4
    kind = "not_found"


class JobFailed(TdaflinkError):
    """A job could not be started, failed, or keeps restarting; `detail` has its Python traceback."""

    exit_code = 5
    kind = "job_failed"


class DeadlinePassed(TdaflinkError):
    """Something was waited for and did not come in time."""

    exit_code = 6
    kind = "timed_out"


class Unhealthy(TdaflinkError):
    """An environment or a component of it is not in working order."""

    exit_code = 10
    kind = "unhealthy"


class Interrupted(TdaflinkError):
    """Ctrl-C; the message says what was left in which state."""

    exit_code = 130
    kind = "interrupted"


class PortTaken(TdaflinkError):
    """A port that the environment needs is held by another process, which the message names."""

    kind = "port_taken"


class BadArtifact(TdaflinkError):
    """A downloaded file is not the locked one; it was deleted."""

    kind = "bad_artifact"


class MissingExtra(TdaflinkError):
    """A part of tdaflink that this call needs is not installed."""

    kind = "missing_extra"


class Refused(TdaflinkError):
    """The other side answered, and said no; `reason` is its own word for it."""

    kind = "refused"

    def __init__(self, message: str, *, reason: str = "", **more: str | None) -> None:
        super().__init__(message, **more)
        self.reason = reason or message


class Incompatible(TdaflinkError):
    """A schema may not become the next version of its subject; `detail` says what differs."""

    kind = "incompatible"


class Locked(TdaflinkError):
    """Another tdaflink is at work on the same thing."""

    kind = "locked"


class StorageFailed(TdaflinkError):
    """A file could not be written: the disk is full, or the folder is not ours."""

    kind = "storage"


class InternalError(TdaflinkError):
    """An exception that no part of tdaflink foresaw: a fault of tdaflink itself."""

    exit_code = 70
    kind = "internal"


class UnexpectedResult(TdaflinkError):
    """A computation whose outcome is known gave another one."""

    kind = "unexpected_result"


class OutputFailed(TdaflinkError):
    """Standard output is closed, or what it leads to is full."""

    kind = "output"
