"""The system starts, and nobody comes in over the network."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the SSH server is not started at boot",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT/etc/systemd/system/multi-user.target.wants/ssh.service"
""",
    finding="network-sshd-enabled",
    boots_on=EVERY_LAYOUT,
)
