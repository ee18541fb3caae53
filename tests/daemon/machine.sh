#!/bin/bash
# Makes the namespaces that it is started in into a machine of its own: its users, an empty /run
# and /var, its processes. A "host" runs a system libvirt, as a server does. Stays until killed.
#   machine.sh host|laptop|apart FOLDER NAME    FOLDER holds etc/ and takes everything that is made
# PYTHON, PACKAGES, SOURCE and IMAGES are folders that appear below /run, for users who may not
# look into where they are.
set -eu
kind=$1 folder=$2 name=$3

mount --make-rprivate /
mount -t proc proc /proc
hostname "$name"
for file in "$folder"/etc/*; do mount --bind "$file" "/etc/${file##*/}"; done
for place in run var/lib var/cache var/log; do
    mkdir -p "$folder/$place"
    mount --bind "$folder/$place" "/$place"
done
install -d -m 1777 /run/lock
mkdir /run/python /run/packages /run/source /run/images
mount --bind "$PYTHON" /run/python
mount --bind "$PACKAGES" /run/packages
mount --bind "$SOURCE" /run/source
mount --bind "$IMAGES" /run/images

if [ "$kind" = apart ]; then ip link set lo up; fi
if [ "$kind" != laptop ]; then
    # As the packages leave them, and /dev/kvm as udev leaves it.
    install -d -m 0711 /var/lib/libvirt/images /var/lib/libvirt/boot /var/cache/libvirt
    install -d -m 0750 -o libvirt-qemu -g kvm /var/lib/libvirt/qemu
    install -d -m 0755 /var/log/libvirt /run/sshd
    if [ -e /dev/kvm ]; then
        mknod -m 0660 "$folder/kvm" c 10 232
        chown root:kvm "$folder/kvm"
        mount --bind "$folder/kvm" /dev/kvm
    fi
    virtlogd --daemon
    # there are certificates where it is to listen to the network, by TLS
    if [ -e /etc/libvirt/tls ]; then libvirtd --daemon --listen; else libvirtd --daemon; fi
fi
touch "$folder/ready"
sleep infinity &
wait # as the first process it also takes leave of all orphans
