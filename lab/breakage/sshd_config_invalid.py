"""sshd does not start."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="sshd_config has a line that sshd does not take",
    layouts=EVERY_LAYOUT,
    commands=r"""
echo "PermitRotLogin yes" >>"$ROOT/etc/ssh/sshd_config"
""",
    finding="network-sshd-config",
    boots_on=EVERY_LAYOUT,
)
