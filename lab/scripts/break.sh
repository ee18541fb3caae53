# Around the commands of a breakage: the guest's root is found and mounted, with what its fstab
# names, at ROOT; after the commands all is unmounted again. They are the function break_it.

mount_root() {  # the first partition or volume that holds a root
    modprobe -a ext4 xfs dm_mod vfat nls_cp437 nls_ascii
    vgchange -q -q -ay >/dev/null 2>&1 || true
    vgmknodes -q -q || true
    for device in "$DISK"?* /dev/mapper/*-root; do
        [ -b "$device" ] || continue
        case $(blkid -p -s TYPE -o value "$device") in
        ext4 | xfs) mount "$device" "$TARGET" ;;
        *) continue ;;
        esac
        [ ! -e "$TARGET/etc/fstab" ] || return 0
        umount "$TARGET"
    done
    echo "no root file system on $DISK"
    return 1
}

mount_rest() {  # /boot and the EFI system partition, from the guest's own fstab
    link_uuids
    while read -r source where type _; do
        case $where in
        /boot*) mount -t "$type" "/dev/disk/by-uuid/${source#UUID=}" "$TARGET$where" ;;
        esac
    done <"$TARGET/etc/fstab"
}

only_this_disk
say "breaking: $NAME"
if [ "$MOUNTED" = no ]; then
    break_it
    sync
else
    mount_root
    mount_rest
    (
        ROOT=$TARGET
        break_it
    )
    close_target
fi
