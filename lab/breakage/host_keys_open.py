"""sshd refuses keys that others can read."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the SSH host keys can be read by all",
    layouts=EVERY_LAYOUT,
    commands=r"""
chmod 644 "$ROOT"/etc/ssh/ssh_host_*_key
""",
    finding="network-host-keys",
    boots_on=EVERY_LAYOUT,
)
