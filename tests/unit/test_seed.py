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

from lifebuoy import policy
from lifebuoy.rescue import seed

PASSWORD = "Rescue-Me-2026"


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
    iso = seed.seed_iso(credentials, hostname="web1-rescue", session="s1")
    assert PASSWORD.encode() not in iso
    digest = read(iso, "/lifebuoy/password-hash").strip()
    assert sha512_crypt.verify(PASSWORD, digest) and credentials.password_hash == digest


def test_cloud_init_finds_the_same_facts_under_the_label_it_looks_for(
    credentials: seed.Credentials,
) -> None:
    iso = seed.seed_iso(credentials, hostname="web1-rescue", session="s1")
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
