"""The initramfs mounts the root and finds no program to go on with."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/sbin/init and systemd itself are deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT/usr/sbin/init" "$ROOT/usr/lib/systemd/systemd"
""",
    finding="init-program",
    last_words=r"run-init: /bin/init: No such file",
)
