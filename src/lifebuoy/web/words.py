"""Words that are chosen while a page is made: states, actions, steps, kinds. As messages.

``N_`` marks a text for the catalogue and leaves it as it is; the pages translate it.
"""

from __future__ import annotations

from typing import Final

from lifebuoy.model import Action, InstanceState
from lifebuoy.store.records import Standing


def N_(text: str) -> str:  # gettext's own name for it
    """A text that is translated where it is shown."""
    return text


STATES: Final[dict[InstanceState, str]] = {
    InstanceState.STOPPED: N_("Stopped"),
    InstanceState.RUNNING: N_("Running"),
    InstanceState.ENTER_RESCUE_MODE: N_("Entering rescue mode"),
    InstanceState.RESCUE_MODE: N_("Rescue mode"),
    InstanceState.EXIT_RESCUE_MODE: N_("Leaving rescue mode"),
}

STANDINGS: Final[dict[Standing, str]] = {
    Standing.WAITING: N_("waiting"),
    Standing.RUNNING: N_("in progress"),
    Standing.LEFT: N_("will be continued"),
    Standing.DONE: N_("done"),
    Standing.FAILED: N_("failed"),
    Standing.CANCELLED: N_("cancelled"),
    Standing.CLOSED: N_("closed"),
}

ACTIONS: Final[dict[Action, str]] = {
    Action.START: N_("Start"),
    Action.STOP: N_("Shut down"),
    Action.REBOOT: N_("Reboot"),
    Action.BACKUP_CREATE: N_("Create a backup point"),
    Action.ENTER_RESCUE: N_("Enter rescue mode"),
    Action.EXIT_RESCUE: N_("Leave rescue mode"),
    Action.RENEW: N_("Renew"),
}

KINDS: Final[dict[str, str]] = {
    "rescue-enter": N_("Enter rescue mode"),
    "rescue-exit": N_("Leave rescue mode"),
    "rescue-password": N_("Set the rescue password"),
    "start": N_("Start"),
    "stop": N_("Shut down"),
    "reboot": N_("Reboot"),
    "backup-create": N_("Create a backup point"),
    "backup-copy": N_("Create a backup point"),
    "backup-restore": N_("Restore a backup point"),
    "backup-undo": N_("Undo a restore"),
    "backup-delete": N_("Delete a backup point"),
    "backup-tidy": N_("Tidy backup points"),
    "repair": N_("Repair"),
    "repair-undo": N_("Undo a repair"),
}

STEP_STATES: Final[dict[str, str]] = {
    "started": N_("in progress"),
    "done": N_("done"),
    "failed": N_("failed"),
    "undone": N_("undone"),
    "undo-failed": N_("could not be undone"),
}

#: The names of steps, as the operations have them.
STEPS: Final = (
    N_("note what was"),
    N_("place the rescue image"),
    N_("prepare the password and keys"),
    N_("stop the instance"),
    N_("make a backup point"),
    N_("copy the UEFI variables"),
    N_("switch the definition"),
    N_("give the saved memory up"),
    N_("start the rescue system"),
    N_("wait until it can be logged in to"),
    N_("take the seed away"),
    N_("finish"),
    N_("note that it is left"),
    N_("flush and unmount"),
    N_("stop the rescue system"),
    N_("take the UEFI variables over"),
    N_("switch the definition back"),
    N_("remove the stay's media"),
    N_("look at the UEFI variables"),
    N_("start the instance"),
    N_("compare with what was recorded"),
    N_("watch the boot"),
    N_("ask it to reboot"),
    N_("hand the packages over"),
    N_("mend what came to light"),
    N_("take the packages away"),
    N_("look again"),
    N_("take the repair back"),
)

#: What is said above an error, by its code.
ERRORS: Final[dict[str, str]] = {
    "not-signed-in": N_("Sign-in failed"),
    "code-refused": N_("The code is not accepted"),
    "provider-trouble": N_("The provider does not answer as it should"),
    "vault-closed": N_("That cannot be read any more"),
    "too-many-tries": N_("Too many tries"),
    "prove-again": N_("Show once more who you are"),
    "forbidden": N_("Not permitted"),
    "not-allowed": N_("Not possible in this state"),
    "consent-needed": N_("Your consent is needed"),
    "password-refused": N_("The password does not follow the rule"),
    "busy": N_("Somebody else is at work on it"),
    "instance-not-found": N_("There is no such instance"),
    "operation-not-found": N_("There is no such operation"),
    "host-silent": N_("The host does not answer"),
    "cannot-connect": N_("The host does not answer"),
    "database-trouble": N_("The database does not answer"),
    "definition-changed": N_("The definition was edited during rescue mode"),
    "image-not-found": N_("There is no rescue image"),
    "cannot-back-up": N_("No backup point is possible"),
    "expired": N_("Its time is over"),
    "agent-unavailable": N_("The rescue system does not answer"),
    "no-doctor": N_("The rescue system has no doctor"),
    "doctor-failed": N_("The doctor gave up"),
    "guest-report-unusable": N_("What the rescue system says cannot be used"),
    "timed-out": N_("It took too long"),
    "backup-point-not-found": N_("There is no such backup point"),
    "no-space": N_("There is not enough room"),
    "quota-exceeded": N_("No more backup points are allowed"),
    "backups-drifted": N_("The disks were changed behind the back of the backup points"),
    "account-not-found": N_("There is no such account or key"),
    "ambiguous-instance": N_("Which instance is meant is not sure"),
}
