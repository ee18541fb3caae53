#!/bin/sh
# Runs after customise.sh with the root as $1, which has no updates yet: what years of use leave on
# a sound Debian, then the upgrade with which the new kernel comes. Configuration files that the
# owner changed are kept, as an upgrade without questions does.
set -eu
root=$1
kept="--force-confdef,confold"

in_root() {
    DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}

get() {
    in_root apt-get -q -y --no-install-recommends -o "Dpkg::Options::=--force-confdef" \
        -o "Dpkg::Options::=--force-confold" "$@"
}

# A package of the owner's own: version, then what its three files say.
own_package() {
    folder=$root/tmp/site
    mkdir -p "$folder/DEBIAN" "$folder/etc/ssh/sshd_config.d" "$folder/etc/pam.d" "$folder/etc/site"
    printf 'Package: site\nVersion: %s\nArchitecture: all\nMaintainer: A <a@b>\nDescription: own\n' \
        "$1" >"$folder/DEBIAN/control"
    printf '%s\n' /etc/ssh/sshd_config.d/site.conf /etc/pam.d/site /etc/site/site.conf \
        >"$folder/DEBIAN/conffiles"
    echo "$2" >"$folder/etc/ssh/sshd_config.d/site.conf"
    echo "$3" >"$folder/etc/pam.d/site"
    echo "$4" >"$folder/etc/site/site.conf"
    in_root dpkg-deb --root-owner-group --build /tmp/site "/tmp/site-$1.deb" >/dev/null
    in_root dpkg "$5" --install "/tmp/site-$1.deb"
    rm -r "$folder" "$root/tmp/site-$1.deb"
}

# The network of this machine, not the guest's.
mv "$root/etc/resolv.conf" "$root/etc/resolv.conf.guest"
cat /etc/resolv.conf >"$root/etc/resolv.conf"

echo "What the owner did"
in_root dpkg-divert --quiet --local --rename --divert /usr/bin/ischroot.real --add /usr/bin/ischroot
ln -s true "$root/usr/bin/ischroot"
in_root dpkg-statoverride --update --add root adm 4750 /bin/su
in_root dpkg-statoverride --update --add root root 0755 /usr/bin/chsh
sed -i 's/^#MaxAuthTries .*/MaxAuthTries 3/' "$root/etc/ssh/sshd_config"
sed -i 's/^UMASK.*/UMASK 027/' "$root/etc/login.defs"
sed -i 's/^# auth *required *pam_wheel.so$/auth required pam_wheel.so/' "$root/etc/pam.d/su"
sed -i 's/^#KillUserProcesses=.*/KillUserProcesses=yes/' "$root/etc/systemd/logind.conf"
echo 'alias ll="ls -l"' >>"$root/etc/bash.bashrc"
rm "$root/etc/issue.net"
in_root useradd --create-home --shell /bin/bash clara

echo "Packages that came and went, their configuration left behind"
get install cron ifupdown isc-dhcp-client
get remove cron ifupdown isc-dhcp-client

echo "Configuration files of both kinds"
own_package 1 "X11Forwarding no" "auth required pam_unix.so" first "$kept"
echo edited >>"$root/etc/site/site.conf"
own_package 2 "X11Forwarding no" "auth required pam_unix.so" second --force-confnew
echo "AllowTcpForwarding no" >>"$root/etc/ssh/sshd_config.d/site.conf"
echo "account required pam_unix.so" >>"$root/etc/pam.d/site"
own_package 3 "NotYetKnown yes" "auth required pam_not_here.so" second "$kept"
ls "$root/etc/pam.d/site.dpkg-dist" "$root/etc/site/site.conf.dpkg-old"

echo "The upgrade"
suite=$(. "$root/etc/os-release" && echo "$VERSION_CODENAME")
echo "deb http://deb.debian.org/debian-security $suite-security main
deb http://deb.debian.org/debian $suite-updates main" >"$root/etc/apt/sources.list.d/updates.list"
get update
get dist-upgrade
# Right after a point release there is no newer kernel of this kind.
[ "$(ls "$root"/boot/vmlinuz-* | wc -l)" -ge 2 ] || get install linux-image-amd64
for image in "$root"/boot/initrd.img-*; do
    cp "$image" "$image.dpkg-bak"
    break
done
mv "$root/etc/resolv.conf.guest" "$root/etc/resolv.conf"
