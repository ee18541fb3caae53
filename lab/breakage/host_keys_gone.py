"""sshd does not start."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the SSH host keys are deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT"/etc/ssh/ssh_host_*
""",
    finding="network-host-keys",
    boots_on=EVERY_LAYOUT,
)
