# MBR, one partition: vda1 is the root, ext4.
partition_disk() {
    sfdisk --quiet "$DISK" <<EOF
label: dos
start=2048, type=83, bootable
EOF
    mkfs.ext4 -q -U "$ROOT_UUID" -E nodiscard -J size=16 "${DISK}1"
    mount "${DISK}1" "$TARGET"
}

write_fstab() {
    echo "UUID=$ROOT_UUID / ext4 errors=remount-ro 0 1"
}

install_boot_loader() {
    chroot "$TARGET" grub-install --target=i386-pc "$DISK"
}
