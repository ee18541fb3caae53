# BIOS on GPT: vda1 is GRUB's own, vda2 /boot on ext4, vda3 holds LVM with the root on XFS.
partition_disk() {
    modprobe -a dm_mod xfs
    sfdisk --quiet "$DISK" <<EOF
label: gpt
size=1MiB, type=21686148-6449-6E6F-744E-656564454649
size=192MiB, type=L
type=E6D6D379-F507-44C2-A23C-238F2A3DF928
EOF
    mkfs.ext4 -q -U "$BOOT_UUID" -E nodiscard -J size=4 "${DISK}2"
    pvcreate -q -q "${DISK}3"
    vgcreate -q -q "$VOLUME_GROUP" "${DISK}3"
    lvcreate -q -q -Zn -Wn -l 100%FREE -n root "$VOLUME_GROUP"
    vgmknodes -q -q
    mkfs.xfs -q -K -m "uuid=$ROOT_UUID" "/dev/mapper/$VOLUME_GROUP-root"
    mount "/dev/mapper/$VOLUME_GROUP-root" "$TARGET"
    mkdir -p "$TARGET/boot"
    mount "${DISK}2" "$TARGET/boot"
}

write_fstab() {
    echo "/dev/mapper/$VOLUME_GROUP-root / xfs defaults 0 0"
    echo "UUID=$BOOT_UUID /boot ext4 defaults 0 2"
}

install_boot_loader() {
    chroot "$TARGET" grub-install --target=i386-pc "$DISK"
}
