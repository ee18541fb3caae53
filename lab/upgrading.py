"""What years of use and upgrades leave on a guest, in seconds: by its own dpkg, small packages.

For raw images, on this machine (see ``native``). The guest of ``History.UPGRADED`` has been through
an upgrade of Debian's own; this one has what such an upgrade brings only now and then.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from lab import debs, native, packages
from lab.debs import Deb

_SITE: Final = "/etc/ssh/sshd_config.d/site.conf"
_PAM: Final = "/etc/pam.d/site"
_STATUS: Final = "/var/lib/dpkg/status"
_FOREIGN: Final = "i386"
#: DEBS holds the packages, LIBC is the version of the guest's libc
_COMMANDS: Final = f"""
own() {{
    DEBIAN_FRONTEND=noninteractive chroot "$ROOT" "$@" >&2
}}
install() {{
    own dpkg --force-unsafe-io "$1" --install "/root/debs/$2"
}}
cp -r "$DEBS" "$ROOT/root/debs"

# Configuration files: edited and kept, edited and replaced, removed; new ones lie beside them.
install --force-confold site_1_amd64.deb
echo "# by its owner" >>"$ROOT{_SITE}"
install --force-confnew site_2_amd64.deb
echo "# by its owner" >>"$ROOT{_PAM}"
rm "$ROOT/etc/site/removed.conf"
install --force-confold site_3_amd64.deb
ls "$ROOT{_SITE}.dpkg-old" "$ROOT{_PAM}.dpkg-dist" >&2

# A package that a boot may need, with files that came and went; one that left its configuration.
install --force-confold netbase_98_amd64.deb
install --force-confold netbase_99_amd64.deb
install --force-confold ifupdown_98_amd64.deb
own dpkg --remove ifupdown

# Files elsewhere, by the owner and by a package; others' modes.
own dpkg-divert --quiet --local --rename --divert /usr/bin/ischroot.real --add /usr/bin/ischroot
ln -s true "$ROOT/usr/bin/ischroot"
own dpkg-divert --quiet --package site --rename --divert /sbin/shutdown.site --add /sbin/shutdown
own dpkg-statoverride --update --add root adm 4750 /bin/su
own dpkg-statoverride --update --add root root 0750 /usr/sbin/sshd

# The libc of another architecture beside it.
own dpkg --add-architecture {_FOREIGN}
install --force-confold "libc6_${{LIBC}}_{_FOREIGN}.deb"

# GRUB's package is newer than what is installed of it in /boot.
sed -i 's/^grub_version=.*/grub_version=99/' "$ROOT/usr/lib/grub/i386-pc/modinfo.sh"
echo new >"$ROOT/usr/lib/grub/i386-pc/from99.mod"

# What kernel packages and their tools leave beside a kernel; a newer one that no menu names yet.
kernel=$(cd "$ROOT/boot" && ls vmlinuz-* | head -n 1)
version=${{kernel#vmlinuz-}}
newer=99${{version#*.}}
cp "$ROOT/boot/$kernel" "$ROOT/boot/$kernel.dpkg-bak"
cp "$ROOT/boot/initrd.img-$version" "$ROOT/boot/initrd.img-$version.old-dkms"
cp "$ROOT/boot/$kernel" "$ROOT/boot/vmlinuz-$newer"
cp "$ROOT/boot/initrd.img-$version" "$ROOT/boot/initrd.img-$newer"
cp -r "$ROOT/usr/lib/modules/$version" "$ROOT/usr/lib/modules/$newer"
mkdir -p "$ROOT/usr/lib/modules/1.0.0-removed"

# A library for every program, named as the loader expands it.
echo '/usr/$LIB/libnss_systemd.so.2' >"$ROOT/etc/ld.so.preload"
rm -r "$ROOT/root/debs" "$ROOT/srv" "$ROOT/media"
"""


def by_hand(disk: Path) -> None:
    """Leave the guest on the raw image so; it is as sound as before. Raises BuildFailed."""
    status = (native.read(disk, _STATUS) or b"").decode(errors="replace")
    libc = packages.version_of("libc6", status)
    with tempfile.TemporaryDirectory(prefix="lifebuoy-upgrading-") as name:
        for deb in _packages(libc):
            debs.build(deb, Path(name))
        native.change(disk, f"DEBS={name} LIBC={libc}\n{_COMMANDS}")


def _packages(libc: str) -> list[Deb]:
    unix, ours = b"auth required pam_unix.so\n", b"X11Forwarding no\n"
    texts = (
        ("1", ours, unix, b"first\n"),
        ("2", ours + b"# second\n", unix, b"second\n"),
        ("3", ours + b"# second\n", b"auth required pam_not_here.so\n", b"third\n"),
    )
    site = [
        _with_conffiles("site", version, {_SITE: one, _PAM: two, "/etc/site/removed.conf": three})
        for version, one, two, three in texts
    ]
    netbase = [
        Deb("netbase", "98", {"/usr/lib/netbase/gone": b"98\n", "/usr/lib/netbase/both": b"98\n"}),
        Deb("netbase", "99", {"/usr/lib/netbase/both": b"99\n", "/usr/lib/netbase/new": b"99\n"}),
    ]
    ifupdown = {"/sbin/ifup": b"#!/bin/sh\n", "/etc/network/lab": b"auto lo\n"}
    gone = Deb("ifupdown", "98", ifupdown, ("/etc/network/lab",))
    files = {f"/lib/{_FOREIGN}-linux-gnu/libc.so.6": b"not looked at\n"}
    same = {"Multi-Arch": "same"}
    return [*site, *netbase, gone, Deb("libc6", libc, files, (), _FOREIGN, same)]


def _with_conffiles(name: str, version: str, files: dict[str, bytes]) -> Deb:
    return Deb(name, version, files, tuple(files))
