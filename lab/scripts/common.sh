# What jobs of the builder share. DISK is the disk to work on, OUT a folder for results.
TARGET=/mnt

say() {  # one line of progress for whoever waits outside
    echo "lab: $*" >/dev/ttyS0
}

only_this_disk() {  # copies of one guest carry the same volume group: look at one at a time
    mkdir -p /etc/lvm
    cat >/etc/lvm/lvmlocal.conf <<EOF
devices { filter = [ "a|^$DISK|", "r|.*|" ] }
activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
EOF
}

link_uuids() {  # there is no udev here, and grub-mkconfig looks for these names
    mkdir -p /dev/disk/by-uuid
    for device in "$DISK"?* /dev/mapper/*-*; do
        [ -b "$device" ] || continue
        uuid=$(blkid -p -s UUID -o value "$device") || continue
        [ -z "$uuid" ] || ln -sf "$device" "/dev/disk/by-uuid/$uuid"
    done
}

bind_system() {  # for programs of the target that want to see devices
    for folder in dev proc sys; do
        mount --bind "/$folder" "$TARGET/$folder"
    done
}

close_target() {
    sync
    umount -R "$TARGET"
    vgchange -q -q -an 2>/dev/null || true
}
