#!/bin/sh
# First program of the builder, run by klibc's shell from the guest's own initramfs:
# mounts the guest root from its squashfs, writable in memory, and hands over to the jobs.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /proc /sys /dev /system /top /new
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
modprobe -a -q virtio_pci virtio_blk squashfs overlay

disk() {  # the disk with this serial, as SERIAL=/dev/...
    for block in /sys/block/vd*; do
        read -r serial <"$block/serial"
        [ "$serial" = "$1" ] && echo "/dev/${block##*/}" && return
    done
}

mount -t squashfs -o ro "$(disk lab-system)" /system
mount -t tmpfs tmpfs /top
mkdir -p /top/upper /top/work
mount -t overlay -o lowerdir=/system,upperdir=/top/upper,workdir=/top/work overlay /new
mkdir -p /new/system /new/job
mount -o bind /system /new/system
mount -o bind /job /new/job
mount -o bind /proc /new/proc
mount -o bind /sys /new/sys
mount -o bind /dev /new/dev
mount -t tmpfs tmpfs /new/run
mount -t tmpfs tmpfs /new/tmp
chroot /new /bin/sh /job/main.sh
echo o >/proc/sysrq-trigger
sleep 60
