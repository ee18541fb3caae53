#!/bin/sh
# Runs the jobs of the builder one after the other and writes what came of them, as a tar
# archive, onto the disk "lab-result". The serial line only shows progress: it can lose lines.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C

disk() {
    for block in /sys/block/vd*; do
        read -r serial <"$block/serial" || true  # it has no line end
        [ "$serial" != "$1" ] || echo "/dev/${block##*/}"
    done
}

modprobe virtio_rng
mkdir -p /run/result
for job in /job/[0-9]*; do
    number=${job##*/}
    out=/run/result/$number
    mkdir -p "$out"
    (
        set -eu
        DISK=$(disk "lab-disk-$(cat "$job/disk")")
        OUT=$out
        . /job/common.sh
        . "$job/script.sh"
    ) >"$out/log" 2>&1
    echo $? >"$out/status"
    sync
done
cp /job/nonce /run/result/done
tar -C /run/result -cf - . | dd of="$(disk lab-result)" bs=64k conv=fsync 2>/dev/null
sync
