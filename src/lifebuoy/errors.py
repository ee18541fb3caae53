"""What goes wrong: one hierarchy, each error with a stable code, a meaning and a next step.

Every error says what happened to what (``message``), that nothing was lost or what was
(``safe``), and what to do now (``hint``). Faces print these three; scripts read ``code`` and
``exit_status``. No error text ever holds a secret.
"""

from __future__ import annotations

from typing import ClassVar


class LifebuoyError(Exception):
    """Base of all errors.

    ``code`` is stable across releases. ``exit_status`` is what the command line returns:
    1 failed, 2 bad input, 3 refused as things are, 4 not found, 5 busy, 6 host trouble.
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1
    default_safe: ClassVar[str] = "Nothing was changed."

    def __init__(self, message: str, *, hint: str = "", safe: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.safe = self.default_safe if safe is None else safe


class BadInput(LifebuoyError):
    """An argument cannot be used; nothing was touched."""

    code = "bad-input"
    exit_status = 2


class AmbiguousInstance(BadInput):
    """Several hosts have an instance of that name, or may have; the message names them."""

    code = "ambiguous-instance"


class PasswordRefused(BadInput):
    """The rescue password breaks the rule; the message names which part."""

    code = "password-refused"


class Refused(LifebuoyError):
    """The request is understood but not possible as things are."""

    code = "refused"
    exit_status = 3


class NotAllowed(Refused):
    """The table of what may be done in which state says no."""

    code = "not-allowed"


class Expired(Refused):
    """The instance's time is over, and it may not be started until it is renewed."""

    code = "expired"


class ConsentNeeded(Refused):
    """The instance runs and the user has not consented to a forced shutdown."""

    code = "consent-needed"


class CannotRescue(Refused):
    """The definition cannot be rescued; the message says which part and why."""

    code = "cannot-rescue"


class DefinitionChanged(Refused):
    """Somebody edited the definition during the stay; the user must say keep or drop.

    ``edits`` are the lines of a unified diff, without secrets; the message holds them too.
    """

    code = "definition-changed"

    def __init__(self, name: str, edits: list[str]) -> None:
        super().__init__(
            f"the definition of '{name}' was edited during rescue mode:\n" + "\n".join(edits),
            hint="keep the edits (--changes keep) or drop them (--changes drop)",
        )
        self.edits = tuple(edits)


class StillMounted(Refused):
    """A file system of the guest is still in use inside the rescue system."""

    code = "still-mounted"


class AccelerationUnusable(Refused):
    """The definition asks for KVM and KVM does no real work on this host."""

    code = "kvm-unusable"


class NoSpace(Refused):
    """The storage has not enough room for the media of a stay."""

    code = "no-space"


class ImageUnusable(Refused):
    """The rescue image is missing, altered, or not usable for this instance."""

    code = "image-unusable"


class CannotBackUp(Refused):
    """A backup point cannot be made or used safely; the message says which part and why."""

    code = "cannot-back-up"


class BackupsDrifted(Refused):
    """Somebody changed the instance's disks behind the back of its backup points."""

    code = "backups-drifted"


class QuotaExceeded(Refused):
    """The instance may have no more backup points, or they may take no more room."""

    code = "quota-exceeded"


class NoDoctor(Refused):
    """The rescue system that runs has no doctor; it was started from an owner's image."""

    code = "no-doctor"


class NotFound(LifebuoyError):
    """Nothing by that name."""

    code = "not-found"
    exit_status = 4


class InstanceNotFound(NotFound):
    """No instance by that name, UUID or id."""

    code = "instance-not-found"


class PointNotFound(NotFound):
    """No backup point by that id, or several whose ids begin so."""

    code = "backup-point-not-found"


class ImageNotFound(NotFound):
    """No rescue image by that id."""

    code = "image-not-found"


class OperationNotFound(NotFound):
    """No operation by that id."""

    code = "operation-not-found"


class UnknownOperation(Refused):
    """An operation of a kind, or of a version of it, that this Lifebuoy does not know."""

    code = "unknown-operation"


class AccountNotFound(NotFound):
    """No account of the server by that name, or no API key by that id."""

    code = "account-not-found"


class NotSignedIn(LifebuoyError):
    """The server was not told who asks, or does not believe it."""

    code = "not-signed-in"
    exit_status = 3


class CodeRefused(NotSignedIn):
    """The code of a second factor is wrong, or was used before."""

    code = "code-refused"


class ProviderTrouble(LifebuoyError):
    """The OpenID provider does not answer, or not as one should."""

    code = "provider-trouble"
    exit_status = 6


class VaultClosed(LifebuoyError):
    """Something was sealed with another key than this server's; its text tells nothing of it."""

    code = "vault-closed"


class Forbidden(Refused):
    """The account, or the key it came with, may not do this."""

    code = "forbidden"


class ProveAgain(Forbidden):
    """Who is signed in must show once more who he is: by the password, or by signing in anew."""

    code = "prove-again"


class TooManyTries(Refused):
    """Too many sign-ins were refused; ``wait_s`` is how long the next one must wait."""

    code = "too-many-tries"

    def __init__(
        self, message: str, *, hint: str = "", safe: str | None = None, wait_s: int = 0
    ) -> None:
        super().__init__(message, hint=hint, safe=safe)
        self.wait_s = wait_s


class OnlyHere(Refused):
    """Not done through a server, but on a machine: its own, or that of the server."""

    code = "only-here"


class KeyReused(BadInput):
    """An idempotency key came again with another request."""

    code = "idempotency-key-reused"


class Busy(LifebuoyError):
    """Another caller is at work on the same thing."""

    code = "busy"
    exit_status = 5


class HostTrouble(LifebuoyError):
    """The host, its libvirt or its QEMU did not do what was asked."""

    code = "host-trouble"
    exit_status = 6


class ConsoleTaken(HostTrouble):
    """Somebody else has the serial console open; it may be taken over."""

    code = "console-taken"


class DatabaseTrouble(HostTrouble):
    """The database of operations cannot be used; instances are not affected by that."""

    code = "database-trouble"


class DatabaseNewer(DatabaseTrouble):
    """The database was written by a newer Lifebuoy."""

    code = "database-newer"


class CannotConnect(HostTrouble):
    """No connection to libvirt."""

    code = "cannot-connect"


class ServerUnreachable(HostTrouble):
    """A Lifebuoy server does not answer, or is not trusted to be the one that it should be."""

    code = "server-unreachable"


class ServerNotUnderstood(HostTrouble):
    """What answers is no Lifebuoy server, or one of another version."""

    code = "server-not-understood"


class HostSilent(HostTrouble):
    """A host did not answer within its deadline."""

    code = "host-silent"


class AgentUnavailable(HostTrouble):
    """The guest agent does not answer."""

    code = "agent-unavailable"


class DoctorFailed(HostTrouble):
    """The doctor in the rescue system gave up; the message has its words."""

    code = "doctor-failed"


class GuestReportUnusable(HostTrouble):
    """What came out of the rescue system is no report of the doctor, or contradicts itself."""

    code = "guest-report-unusable"


class TimedOut(HostTrouble):
    """Something did not happen within its deadline."""

    code = "timed-out"


class MissingTool(HostTrouble):
    """A program is missing on this machine; the hint names the package that has it."""

    code = "missing-tool"


class BuildFailed(LifebuoyError):
    """Building an image failed; nothing half-made was left."""

    code = "build-failed"


class StepFailed(LifebuoyError):
    """A step of an operation failed and what was done before it was undone.

    ``step`` is the step's name; ``cause`` the error that it raised.
    """

    code = "step-failed"

    def __init__(self, step: str, cause: LifebuoyError, *, safe: str) -> None:
        super().__init__(f"step '{step}' failed: {cause.message}", hint=cause.hint, safe=safe)
        self.step = step
        self.cause = cause


class Cancelled(LifebuoyError):
    """The user stopped the operation; it was rolled back."""

    code = "cancelled"
    exit_status = 130


class StayUnreadable(LifebuoyError):
    """The record of a stay in a domain's metadata is damaged or made by a newer version."""

    code = "stay-unreadable"
    exit_status = 6


class BackupsUnreadable(LifebuoyError):
    """The list of an instance's backup points is damaged or made by a newer version."""

    code = "backups-unreadable"
    exit_status = 6
