"""Credentials of one stay and the NoCloud seed disk that carries them into the rescue system.

The seed is an ISO labelled ``cidata`` as cloud-init's NoCloud source reads it (user-data,
meta-data), so that an owner's cloud-init image understands it too; beside that a folder
``lifebuoy`` with the same facts as plain files, for our image, which starts before any parser
could. The password itself is in neither: a salted SHA-512-crypt hash is (crypt(5)).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

# The libraries that make these things are a tenth of the time that a plain command takes: each is
# loaded where it is used.

#: rounds of SHA-512-crypt; the scheme's default, understood by every Linux since 2008
_ROUNDS: Final = 5000
_RANDOM_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class HostKey:
    """The rescue system's SSH host key, made for one stay (Ed25519, OpenSSH's formats)."""

    private: str = field(repr=False)
    public: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens the rescue system. Holds a hash, never the password."""

    password_hash: str = field(repr=False)
    ssh_keys: tuple[str, ...]
    host_key: HostKey = field(repr=False)
    randomness: str = field(repr=False)  # 512 bits from this machine, as hexadecimal digits


def make_credentials(password: str, ssh_keys: tuple[str, ...] = ()) -> Credentials:
    """Hash ``password`` with a fresh salt and make a host key; ``ssh_keys`` are public keys."""
    return Credentials(
        hash_password(password), ssh_keys, make_host_key(), secrets.token_hex(_RANDOM_BYTES)
    )


def hash_password(password: str) -> str:
    """SHA-512-crypt of ``password`` with a fresh salt."""
    from passlib.hash import sha512_crypt

    return str(sha512_crypt.using(rounds=_ROUNDS).hash(password))


def make_host_key() -> HostKey:
    """A fresh Ed25519 key pair."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return HostKey(private.decode(), public.decode())


def fingerprint(public_key: str) -> str:
    """SHA256 fingerprint of a public key ("ssh-ed25519 AAAA...") as ssh-keygen prints it."""
    digest = hashlib.sha256(base64.b64decode(public_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def seed_iso(credentials: Credentials, *, hostname: str, session: str, machine: str) -> bytes:
    """The seed disk's bytes (about 400 KiB). ``session`` becomes NoCloud's instance-id.

    ``machine`` is the UUID that the machine shows its system, by which our image tells the seed
    from every other CD-ROM; empty where that is not known.
    """
    import pycdlib

    files = {
        "user-data": _user_data(credentials, hostname),
        "meta-data": json.dumps({"instance-id": session, "local-hostname": hostname}) + "\n",
        "lifebuoy/machine": machine.lower() + "\n",
        "lifebuoy/hostname": hostname + "\n",
        "lifebuoy/password-hash": credentials.password_hash + "\n",
        "lifebuoy/authorized-keys": "".join(f"{key}\n" for key in credentials.ssh_keys),
        "lifebuoy/ssh-host-key": credentials.host_key.private,
        "lifebuoy/fingerprint": fingerprint(credentials.host_key.public) + "\n",
        "lifebuoy/random-seed": credentials.randomness,
        "lifebuoy/session": session + "\n",
    }
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    iso.add_directory("/LIFEBUOY", rr_name="lifebuoy", joliet_path="/lifebuoy")
    for number, (name, text) in enumerate(files.items()):
        folder, _, base = name.rpartition("/")
        parent = "/" + folder.upper() if folder else ""
        data = text.encode()
        iso.add_fp(
            BytesIO(data),
            len(data),
            f"{parent}/F{number}.;1",
            rr_name=base,
            joliet_path=f"/{name}",
            file_mode=0o100400,
        )
    buffer = BytesIO()
    iso.write_fp(buffer)
    iso.close()
    return buffer.getvalue()


def _user_data(credentials: Credentials, hostname: str) -> str:
    """cloud-config for an owner's image; JSON is YAML, so no YAML library is needed."""
    config = {
        "hostname": hostname,
        "disable_root": False,
        "ssh_pwauth": True,
        "chpasswd": {
            "expire": False,
            "users": [{"name": "root", "password": credentials.password_hash}],
        },
        "users": [
            {
                "name": "root",
                "lock_passwd": False,
                "hashed_passwd": credentials.password_hash,
                "ssh_authorized_keys": list(credentials.ssh_keys),
            }
        ],
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": credentials.host_key.private,
            "ed25519_public": credentials.host_key.public,
        },
    }
    return "#cloud-config\n" + json.dumps(config, indent=1) + "\n"
