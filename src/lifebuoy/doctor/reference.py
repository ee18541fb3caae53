"""Writes docs/doctor.md from the checks themselves: ``python -m lifebuoy.doctor.reference``."""

from __future__ import annotations

import sys

from lifebuoy.doctor.patterns import PATTERNS
from lifebuoy.guest.doctor.checks import registry
from lifebuoy.guest.doctor.model import Dpkg

_HEAD = """# The doctor

What the doctor examines and what `lifebuoy diagnose` recognises. Made by
`python -m lifebuoy.doctor.reference > docs/doctor.md`; do not edit it by hand.

Before rescue mode: `lifebuoy diagnose NAME` reads what the instance said while it failed to boot:
the log of its serial port, where its definition keeps one, and its screen, while it runs. No serial
console is needed. The screen is read by comparing each cell of it with the measured pictures of
characters (`python -m lab.glyphs`): text in the usual fonts of VGA and UEFI firmware, of GRUB and
of the Linux console is read exactly, and anything else is not guessed at, but told as graphics. A
console that is left alone may go dark; that is told as a blank screen, and no key is sent to wake
it. Where both tell of a cause, the log's counts if it knows the screen's too, as it holds more of
the boot; else the screen's, as the log is then of an earlier boot. Whoever watches a boot (`rescue
exit`, `start --watch`) looks at both as well.

In rescue mode, from the host, over the guest agent and so without a network: `lifebuoy doctor NAME`
looks, `lifebuoy repair NAME --dry-run` shows what would change, `lifebuoy repair NAME` mends,
`lifebuoy repair NAME --undo` takes the last repair back. Each repair is a step of an operation on
record: stopped with Ctrl-C or `lifebuoy operations cancel`, it ends after the repair under way and
takes the others back; killed, it goes on when asked again. The report that comes out of the rescue
system is not trusted: it is parsed strictly, within limits, and every text in it is escaped.

In the rescue system, by hand: `doctor`, `doctor --repair --dry-run`, `doctor --repair`,
`doctor --undo`. On any Linux machine, as root: `doctor DISK...`, devices or raw image files.

Nothing of the guest is run to diagnose, and nothing is written before a repair is asked for. What a
repair replaces is kept below `/var/lib/lifebuoy/undo`, on the guest's disk where that has room. The
check of a file system can be taken back only as long as nothing was written to that file system
since: make a backup point first.

The root is found through partitions, software RAID, LUKS, LVM and btrfs subvolumes, in any order.
For LUKS the passphrase is asked for where `doctor` runs at a terminal; from the host it comes
with `--passphrase` (asks) or `--passphrase-file FILE|-`, and is written down nowhere: a repair
that is killed goes on when it is asked for again with it. While looking, everything is opened
read-only, and what was opened is closed again, also by the next doctor after one that was killed.
What you have opened yourself is used as it is and stays open. A RAID of which members are missing
that worked last time is looked at, but not written; so is a logical volume with snapshots that is
not active. Thin, cached and mirrored logical volumes are seen once you have activated them
(`vgchange -ay`).
Files come back from Debian packages of the very version that the disk's package database names,
out of the first that is whole: in the instance's own cache (`/var/cache/apt/archives`); in what
you bring with `--packages`, a folder of `.deb` files in any depth, such as a mirror's, or an ISO
such as an installer's; or from its own repositories, over the rescue system's network, unless
`--offline`. With `--dry-run` each package is named with where it would come from; nothing is
downloaded for that. A file is used only where its MD5 is that of the package database; where that
has none, where it is the one that the package names itself. Links have none. Of the instance's
sources only servers are asked, and an unsigned one, or one that its keys have not signed, is as
if it were not there, also where it says `trusted=yes`. What stood in a file of `/etc` that a repair
writes stays beside it, as `NAME.before-RUN`.

From the host, `lifebuoy repair NAME --packages DIR|ISO` works without any network: what is named
becomes one ISO, is brought to the host through libvirt, and is put into the drive that held the
seed. In the rescue system it is mounted for the doctor alone, read-only. When the repair is over,
done, failed or cancelled, it is out of the drive and off the host; should it be left after all,
leaving rescue mode takes it away. It needs that drive: entered with `--no-wait`, which keeps the
seed in it, or with the drives on USB, copy the packages into the rescue system instead and run
`doctor --repair --packages DIR`. With `--queue` they are handed over at once, and the worker
needs none of them.

A finding stops the boot, is a warning, or a note; a report's headline is the first that stops
the boot.

On systems of the rpm family (Fedora, RHEL, AlmaLinux and their kin), Alpine and Arch, every check
looks that does not need dpkg's database; the others are shown as not applicable. What can be mended
without packages is mended: tables, boot sectors, menus and entries, a kernel from the copy beside
its modules, an initramfs by the system's own dracut, mkinitfs or mkinitcpio, fstab, accounts,
links, modes. Where a package is needed, the report says what to type: dnf, apk or pacman. On a
system with SELinux a repair that makes files asks for all of them to be labelled at the next
start, which takes minutes and one more restart. These systems were tried as shapes only: disks
laid out as theirs are, of parts that Debian has, which do not boot. Debian, installed and booted,
is what the doctor was tried on in full.
"""
_DPKG = {Dpkg.UNUSED: "no", Dpkg.REPAIRS: "for repairs", Dpkg.NEEDED: "needed"}


def page() -> str:
    """The whole page, Markdown."""
    columns = "| link | check | what holds where all is well | reads | dpkg's database |"
    parts = [_HEAD, "## Checks", "", columns, "| --- | --- | --- | --- | --- |"]
    parts += [
        f"| {check.LINK.value} | {check.ID} | {check.TITLE} | {check.READS} | {_DPKG[check.DPKG]} |"
        for check in registry()
    ]
    parts += ["", "## What machines say", "", "| link | pattern | what it means | next |"]
    parts.append("| --- | --- | --- | --- |")
    parts += [f"| {one.link} | {one.id} | {one.means} | {one.then} |" for one in PATTERNS]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
