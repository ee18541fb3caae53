"""The system starts, and nobody comes in over the network."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the SSH server is masked",
    layouts=EVERY_LAYOUT,
    commands=r"""
ln -sf /dev/null "$ROOT/etc/systemd/system/ssh.service"
""",
    finding="network-sshd-enabled",
    boots_on=EVERY_LAYOUT,
)
