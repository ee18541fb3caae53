#!/bin/sh
# Runs before the kernel is unpacked, with the new root as $1: how its initramfs is made.
# Every guest boots from the one initramfs made natively here, so it holds what any of them
# needs; not Debian's "most", which takes GRUB in emulation 5 s longer to load.
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/etc/initramfs-tools/hooks"
echo 'MODULES=list
COMPRESS=zstd
RESUME=none' >"$1/etc/initramfs-tools/conf.d/lab"
cat >"$1/etc/initramfs-tools/hooks/lab" <<'HOOK'
#!/bin/sh
# Disks of virtual machines, the file systems of the guests, and what the builder mounts.
[ "$1" = prereqs ] && exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules virtio_pci virtio_blk virtio_scsi sd_mod ahci nvme \
    ext4 xfs dm_mod squashfs overlay
HOOK
chmod 755 "$1/etc/initramfs-tools/hooks/lab"
