"""Words of the tables that are chosen while a page is made, beside those of ``words``."""

from __future__ import annotations

from typing import Final

from lifebuoy.accounts.model import Permission, Role
from lifebuoy.backup.book import ChangeKind, PointKind
from lifebuoy.store.tables import Happening, Outcome
from lifebuoy.web.words import N_

POINT_KINDS: Final[dict[PointKind, str]] = {
    PointKind.FROZEN: N_("frozen disks"),
    PointKind.COPY: N_("copy"),
}

MERGES: Final[dict[ChangeKind, str]] = {
    ChangeKind.DROP: N_("thrown away"),
    ChangeKind.COMMIT: N_("merged"),
    ChangeKind.PULL: N_("merged"),
    ChangeKind.MOVE: N_("copied back"),
}

OUTCOMES: Final[dict[Outcome, str]] = {
    Outcome.DONE: N_("done"),
    Outcome.FAILED: N_("failed"),
    Outcome.CANCELLED: N_("cancelled"),
    Outcome.CLOSED: N_("closed"),
}

EVENTS: Final[dict[Happening, str]] = {
    Happening.ASKED: N_("asked for"),
    Happening.REFUSED: N_("refused"),
    Happening.ADOPTED: N_("taken over"),
    Happening.CANCEL_ASKED: N_("cancelling asked for"),
    Happening.ENDED: N_("ended"),
    Happening.OBSERVED: N_("noticed"),
    Happening.RENEWED: N_("renewed"),
    Happening.QUOTA_SET: N_("quota set"),
    Happening.SIGNED_IN: N_("signed in"),
    Happening.SIGN_IN_REFUSED: N_("sign-in refused"),
    Happening.ACCOUNT_CHANGED: N_("account changed"),
    Happening.CONSOLE_OPENED: N_("console opened"),
    Happening.CONSOLE_CLOSED: N_("console closed"),
}

#: What runs an instance's processors, where it is not the host's own.
EMULATION: Final = N_("emulation")

#: What the log calls changes of accounts.
CHANGES: Final[dict[str, str]] = {
    "account-add": N_("account added"),
    "account-remove": N_("account removed"),
    "account-role": N_("role changed"),
    "account-password": N_("password changed"),
    "account-grant": N_("instance given"),
    "account-revoke": N_("instance taken away"),
    "account-link": N_("linked with a provider"),
    "account-unlink": N_("no longer linked with a provider"),
    "second-factor-on": N_("second factor set up"),
    "second-factor-off": N_("second factor given up"),
    "second-factor-recovery": N_("signed in by a recovery code"),
    "second-factor-reset": N_("second factor taken away"),
    "api-key-add": N_("API key made"),
    "api-key-remove": N_("API key removed"),
}

ROLES: Final[dict[Role, str]] = {
    Role.ADMIN: N_("admin"),
    Role.OPERATOR: N_("operator"),
    Role.OWNER: N_("owner"),
}

ROLES_MEAN: Final[dict[Role, str]] = {
    Role.ADMIN: N_("everything, accounts too"),
    Role.OPERATOR: N_("every instance"),
    Role.OWNER: N_("the instances that were given to the account"),
}

SCOPES: Final[dict[Permission, str]] = {
    Permission.READ: N_("look"),
    Permission.ACT: N_("act"),
    Permission.MONITOR: N_("monitor"),
    Permission.ADMINISTER: N_("administer"),
}

#: The names of the steps of backup points and of the rescue password, as the operations have them.
STEPS: Final = (
    N_("note the backup point"),
    N_("make overlays for the disks"),
    N_("finish the list"),
    N_("remove the oldest points"),
    N_("copy the disks"),
    N_("read the copies once"),
    N_("note what is to be"),
    N_("keep the present UEFI variables"),
    N_("put the UEFI variables back"),
    N_("remove what nobody needs"),
    N_("take it off the list"),
    N_("merge and clean up"),
    N_("set the password"),
)
