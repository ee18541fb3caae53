#!/bin/sh
# Builds a Debian package of Lifebuoy: build.sh WHEEL FOLDER. As any user.
#
# The wheel and all that it needs go into an environment of their own below /opt/lifebuoy, made with
# this machine's python3: the package is for machines with the same Debian release and architecture.
# Versions are those of requirements.lock; pip takes them from where it is configured to look.
set -eu

if [ $# -ne 2 ]; then
	echo "usage: $0 WHEEL FOLDER" >&2
	exit 2
fi
wheel=$(realpath "$1")
folder=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
home=opt/lifebuoy
umask 022

# the Python of the machine that it is for, whatever else is first in PATH here
python=/usr/bin/python3
mkdir -p "$root/opt"
$python -m venv "$root/$home"
pip="$root/$home/bin/python -m pip --quiet --disable-pip-version-check"
grep -o '^[A-Za-z0-9._-]*==[^ ;\\]*' "$here/../../requirements.lock" >"$work/versions.txt"
# compiled here and now: pip may have kept one that was made for another Python of this machine,
# which looks for libraries in its own folders
$pip install --no-compile --no-cache-dir --constraint "$work/versions.txt" libvirt-python
$pip install --no-compile --constraint "$work/versions.txt" "$wheel"
version=$("$root/$home/bin/python" -c 'import lifebuoy; print(lifebuoy.__version__)')
minor=$("$root/$home/bin/python" -c 'import sys; print(sys.version_info.minor)')
$pip uninstall --yes setuptools pip

# the environment was made elsewhere than where it will be
rm -f "$root/$home"/lib/python*/site-packages/lifebuoy-*.dist-info/direct_url.json
# of its programs only ours is for anybody
find "$root/$home/bin" -type f ! -name lifebuoy -delete
grep -rlI "$root" "$root/$home/bin" "$root/$home/pyvenv.cfg" | xargs -r sed -i "s#$root##g"
find "$root/$home/lib" -type f -exec chmod 0644 {} + # libraries are loaded, not run
# what was compiled here names the folder that it was compiled in
find "$root/$home/lib" -name 'libvirtmod*.so' -exec strip --strip-unneeded {} +
find "$root" -name __pycache__ -prune -exec rm -rf {} +
$python -m compileall -q -s "$root" -p / "$root/$home/lib" >/dev/null

mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib/systemd/system" "$root/etc/lifebuoy" \
	"$root/usr/share/doc/lifebuoy" "$root/usr/share/lintian/overrides" \
	"$root/usr/share/man/man1" "$root/usr/share/man/man8" "$root/DEBIAN"
ln -s "/$home/bin/lifebuoy" "$root/usr/bin/lifebuoy"
install -m 0755 "$here/lifebuoy-service" "$root/usr/sbin/"
install -m 0644 "$here"/../systemd/*.service "$root/usr/lib/systemd/system/"
install -m 0640 "$here/config.toml" "$root/etc/lifebuoy/config.toml"
for page in lifebuoy.1 lifebuoy-service.8; do
	gzip -9nc "$here/$page" >"$root/usr/share/man/man${page##*.}/$page.gz"
done
install -m 0644 "$here/lintian-overrides" "$root/usr/share/lintian/overrides/lifebuoy"
install -m 0644 "$here/copyright" "$root/usr/share/doc/lifebuoy/"
gzip -9nc "$here/../../CHANGELOG.md" >"$root/usr/share/doc/lifebuoy/CHANGELOG.md.gz"
cat <<END | gzip -9nc >"$root/usr/share/doc/lifebuoy/changelog.gz"
lifebuoy ($version) stable; urgency=medium

  * What is new is in CHANGELOG.md.gz, beside this file.

 -- The Lifebuoy developers <lifebuoy@lifebuoy.dev>  $(date -u -R -r "$here/../../CHANGELOG.md")
END

size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$(dpkg --print-architecture)/" \
	-e "s/@SIZE@/$size/" -e "s/@PYTHON@/3.$minor/" -e "s/@AFTER@/3.$((minor + 1))/" \
	"$here/control.in" >"$root/DEBIAN/control"
install -m 0755 "$here/preinst" "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"
sed -i "s/@VERSION@/$version/" "$root/DEBIAN/preinst"
echo /etc/lifebuoy/config.toml >"$root/DEBIAN/conffiles"
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | xargs -0 md5sum) \
	>"$root/DEBIAN/md5sums"
chmod -R go-w "$root"

package=$folder/lifebuoy_${version}_$(dpkg --print-architecture).deb
dpkg-deb --root-owner-group -Zxz -z1 --build "$root" "$package" >/dev/null
echo "$package"
