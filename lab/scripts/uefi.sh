# GPT: vda1 is the EFI system partition, vda2 the root, ext4.
partition_disk() {
    sfdisk --quiet "$DISK" <<EOF
label: gpt
size=64MiB, type=U
type=L
EOF
    mkfs.vfat -i "$(echo "$ESP_ID" | tr -d -)" "${DISK}1"
    mkfs.ext4 -q -U "$ROOT_UUID" -E nodiscard -J size=16 "${DISK}2"
    mount "${DISK}2" "$TARGET"
    mkdir -p "$TARGET/boot/efi"
    modprobe -a vfat nls_cp437 nls_ascii
    mount -t vfat "${DISK}1" "$TARGET/boot/efi"
}

write_fstab() {
    echo "UUID=$ROOT_UUID / ext4 errors=remount-ro 0 1"
    echo "UUID=$ESP_ID /boot/efi vfat umask=0077 0 1"
}

install_boot_loader() {
    # The builder has no EFI variables to enter "debian" in, so the fallback path boots it.
    chroot "$TARGET" grub-install --target=x86_64-efi --no-nvram --force-extra-removable
}
