# From an empty disk to an installed guest. The layout's own script, put before this one,
# defines partition_disk (partitions, file systems, mounts below TARGET, fstab) and
# install_boot_loader.

only_this_disk
say "partitions and file systems"
partition_disk

say "copying the root"
tar -C /system --one-file-system -cf - . | tar -C "$TARGET" -xf -
chmod 755 "$TARGET"  # the squashfs has 777

say "names and keys"
write_fstab >"$TARGET/etc/fstab"
echo "$HOST_NAME" >"$TARGET/etc/hostname"
echo "127.0.1.1 $HOST_NAME" >>"$TARGET/etc/hosts"
echo "$MACHINE_ID" >"$TARGET/etc/machine-id"
ssh-keygen -q -t ed25519 -N '' -C "$HOST_NAME" -f "$TARGET/etc/ssh/ssh_host_ed25519_key"
cp "$TARGET/etc/ssh/ssh_host_ed25519_key.pub" "$OUT/host-key"

say "boot loader"
link_uuids
bind_system
install_boot_loader
chroot "$TARGET" grub-mkconfig -o /boot/grub/grub.cfg

say "done"
close_target
