#!/bin/sh
# Runs at the end of mmdebstrap with the new root as $1: what makes the packages a guest.
set -eu
root=$1

# Password "Lab-guest-1", SHA-512 because Debian's yescrypt takes seconds in emulation.
chroot "$root" usermod -p "$PASSWORD_HASH" root
echo 'PermitRootLogin yes
UseDNS no' >"$root/etc/ssh/sshd_config.d/lab.conf"
rm -f "$root"/etc/ssh/ssh_host_*  # each guest gets its own

echo '127.0.0.1 localhost' >"$root/etc/hosts"
echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
echo '[Match]
Name=en* eth*
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no' >"$root/etc/systemd/network/lab.network"
chroot "$root" systemctl --quiet enable systemd-networkd
chroot "$root" systemctl --quiet disable systemd-networkd-wait-online

mkdir -p "$root/etc/systemd/journald.conf.d"
echo '[Journal]
Storage=volatile' >"$root/etc/systemd/journald.conf.d/lab.conf"

# Nothing here is needed to reach a login, and each costs time in emulation.
chroot "$root" systemctl --quiet mask \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer systemd-tmpfiles-clean.timer grub-common.service \
    lvm2-monitor.service lvm2-lvmpolld.socket dm-event.socket blk-availability.service \
    modprobe@drm.service modprobe@fuse.service modprobe@configfs.service \
    modprobe@efi_pstore.service modprobe@loop.service proc-sys-fs-binfmt_misc.automount \
    systemd-binfmt.service systemd-random-seed.service systemd-update-utmp.service \
    systemd-update-utmp-runlevel.service systemd-journal-flush.service \
    systemd-network-generator.service systemd-sysusers.service systemd-modules-load.service \
    modprobe@dm_mod.service sys-kernel-debug.mount sys-kernel-tracing.mount \
    dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount \
    systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-pcrphase-initrd.service \
    getty-static.service

cat >"$root/etc/default/grub" <<'GRUB'
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
GRUB

# So that the guest's own dpkg knows which files are left out on purpose.
printf '%s\n' "$DPKG_EXCLUDES" >"$root/etc/dpkg/dpkg.cfg.d/lab"
