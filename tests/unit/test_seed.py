"""The seed: readable by our image and by cloud-init, and never with the password in it."""

from __future__ import annotations

import json
import re
import subprocess
from io import BytesIO
from pathlib import Path

import pycdlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib.hash import sha512_crypt

import lifebuoy.guest
from lifebuoy import policy
from lifebuoy.rescue import seed

PASSWORD = "Rescue-Me-2026"
DRIVES = Path(lifebuoy.guest.__path__[0]) / "init" / "drives"
MACHINE = "0Badf57a-0000-4000-8000-00000000000A"


@pytest.fixture(scope="module")
def credentials() -> seed.Credentials:
    return seed.make_credentials(PASSWORD, ("ssh-ed25519 AAAA somebody",))


def read(iso: bytes, path: str) -> str:
    disk = pycdlib.PyCdlib()
    disk.open_fp(BytesIO(iso))
    out = BytesIO()
    disk.get_file_from_iso_fp(out, rr_path=path)
    disk.close()
    return out.getvalue().decode()


def test_the_password_is_nowhere_in_the_seed_only_its_hash(credentials: seed.Credentials) -> None:
    iso = seed.seed_iso(credentials, hostname="web1-rescue", session="s1", machine=MACHINE)
    assert PASSWORD.encode() not in iso
    digest = read(iso, "/lifebuoy/password-hash").strip()
    assert sha512_crypt.verify(PASSWORD, digest) and credentials.password_hash == digest


def test_cloud_init_finds_the_same_facts_under_the_label_it_looks_for(
    credentials: seed.Credentials,
) -> None:
    iso = seed.seed_iso(credentials, hostname="web1-rescue", session="s1", machine=MACHINE)
    assert iso[32768 + 40 : 32768 + 46] == b"cidata"
    first, _, rest = read(iso, "/user-data").partition("\n")
    assert first == "#cloud-config"
    config = json.loads(rest)
    assert config["hostname"] == "web1-rescue" and config["ssh_pwauth"] is True
    assert config["ssh_keys"]["ed25519_public"] == credentials.host_key.public
    assert json.loads(read(iso, "/meta-data"))["instance-id"] == "s1"


def test_no_secret_shows_where_credentials_are_printed(credentials: seed.Credentials) -> None:
    shown = repr(credentials) + repr(credentials.host_key)
    assert credentials.password_hash not in shown and "PRIVATE KEY" not in shown


def test_two_stays_share_neither_salt_nor_host_key() -> None:
    one, other = seed.make_credentials(PASSWORD), seed.make_credentials(PASSWORD)
    assert one.password_hash != other.password_hash
    assert one.host_key.public != other.host_key.public


def test_openssh_reads_the_host_key_and_agrees_on_its_fingerprint(
    credentials: seed.Credentials, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_text(credentials.host_key.private)
    path.chmod(0o600)
    said = subprocess.run(
        ["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True
    )
    match = re.search(r"SHA256:\S+", said.stdout)
    assert match and match[0] == seed.fingerprint(credentials.host_key.public)


@settings(max_examples=15, deadline=None)
@given(st.text(alphabet="abcXYZ019" + policy.PASSWORD_SPECIAL, min_size=8, max_size=30))
def test_every_password_the_rule_allows_is_hashed_to_one_line(password: str) -> None:
    digest = seed.hash_password(password)
    assert re.fullmatch(r"\$6\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}", digest)
    assert sha512_crypt.verify(password, digest)


@pytest.mark.parametrize(
    ("machine", "label", "shown", "taken"),
    [
        (MACHINE, "cidata", MACHINE.lower(), True),
        (MACHINE, "cidata", MACHINE.upper(), True),
        (MACHINE, "cidata", None, True),
        ("", "cidata", MACHINE, True),
        (MACHINE, "cidata", MACHINE.replace("A", "B"), False),
        (MACHINE, "backup", MACHINE, False),
        (None, "cidata", MACHINE, False),
    ],
)
def test_the_rescue_system_takes_no_cd_for_its_seed_but_the_one_that_names_its_machine(
    machine: str | None,
    label: str,
    shown: str | None,
    taken: bool,
    credentials: seed.Credentials,
    tmp_path: Path,
) -> None:
    made = seed.seed_iso(credentials, hostname="a", session="s", machine=machine or "")
    iso = tmp_path / "cd.iso"
    iso.write_bytes(made.replace(b"cidata", label.encode()))
    folder = tmp_path / "mounted" / "lifebuoy"
    folder.mkdir(parents=True)
    if machine is not None:
        (folder / "machine").write_text(read(made, "/lifebuoy/machine"))
    uuid = tmp_path / "product_uuid"
    if shown is not None:
        uuid.write_text(shown + "\n")
    script = f'. {DRIVES}; is_seed "$1" "$2" "$3"'
    words = ["sh", "-euc", script, "sh", str(iso), str(folder.parent), str(uuid)]
    assert (subprocess.run(words, check=False, timeout=30).returncode == 0) is taken
