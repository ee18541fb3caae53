"""Questions to a user at a terminal: the rescue password, consent, yes or no."""

from __future__ import annotations

import getpass
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lifebuoy.cli import output
from lifebuoy.errors import BadInput, ConsentNeeded, PasswordRefused
from lifebuoy.policy import PASSWORD_RULE, check_password

_GENERATED_LENGTH: Final = 20
#: Without those that look like another (0 O, 1 l I): it is read off one screen, typed on another.
_LETTERS: Final = "abcdefghijkmnopqrstuvwxyz"
_CAPITALS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS: Final = "23456789"
_STDIN_MAX: Final = 4096


def generate_password() -> str:
    """A random password that obeys the rule: letters and digits, easily typed on any keyboard."""
    alphabet = _LETTERS + _CAPITALS + _DIGITS
    while True:
        made = "".join(secrets.choice(alphabet) for _ in range(_GENERATED_LENGTH))
        if all(any(c in kind for c in made) for kind in (_LETTERS, _CAPITALS, _DIGITS)):
            check_password(made)
            return made


def password_given(*, from_stdin: bool, generate: bool) -> str | None:
    """The password as the flags say; None when it is to be prompted for.

    Raises:
        PasswordRefused: it breaks the rule.
        BadInput: both flags, nothing on standard input, or no way to ask.
    """
    if from_stdin and generate:
        raise BadInput("--password-stdin and --generate-password exclude each other")
    if generate:
        return generate_password()
    if from_stdin:
        return _read_stdin()
    if not output.interactive():
        raise BadInput(
            "no rescue password: there is no terminal to ask at",
            hint="pipe it in: --password-stdin, or have one made up: --generate-password",
        )
    return None


def password_prompted() -> str:
    """Ask for a new password, twice, until it obeys the rule and both are the same."""
    output.note(
        "Set a password for root of the rescue system. It opens nothing else and is worth nothing "
        "after leaving.",
        f"Rule: {PASSWORD_RULE}",
    )
    return _asked_twice("Rescue password: ", check_password)


def account_password(check: Callable[[str], None], *, from_stdin: bool) -> str:
    """A password for an account of the server that passes ``check``: read, or asked for twice.

    Raises:
        PasswordRefused: from ``check``, where it was read.
        BadInput: nothing on standard input, or no way to ask.
    """
    if from_stdin:
        return _read_stdin(check)
    if not output.interactive():
        raise BadInput(
            "no password: there is no terminal to ask at",
            hint="pipe it in: --password-stdin, or have one made up: --generate-password",
        )
    return _asked_twice("Password of the account: ", check)


def _asked_twice(prompt: str, check: Callable[[str], None]) -> str:
    while True:
        first = getpass.getpass(prompt)
        try:
            check(first)
        except PasswordRefused as error:
            output.note(error.message, error.hint)
            continue
        if getpass.getpass("Again: ") == first:
            return first
        output.note("The two are not the same.")


def passphrase_given(*, prompt: bool, file: Path | None) -> bytes:
    """The passphrase of encrypted disks as the flags say; empty where none is asked for.

    Raises:
        BadInput: both flags, nothing in the file, or no way to ask.
    """
    if prompt and file is not None:
        raise BadInput("--passphrase and --passphrase-file exclude each other")
    if file is not None:
        return _first_line(file)
    if not prompt:
        return b""
    if not output.interactive():
        raise BadInput(
            "no passphrase: there is no terminal to ask at",
            hint="from a file, or piped in: --passphrase-file FILE, --passphrase-file -",
        )
    given = getpass.getpass("Passphrase of the encrypted disks: ")
    if not given:
        raise BadInput("the passphrase is empty")
    return given.encode("utf-8", "surrogateescape")


def _first_line(file: Path) -> bytes:
    try:
        if file == Path("-"):
            line = sys.stdin.buffer.readline(_STDIN_MAX + 1)
        else:
            with file.open("rb") as opened:
                line = opened.readline(_STDIN_MAX + 1)
    except OSError as error:
        raise BadInput(f"the passphrase cannot be read: {error.strerror}: {file}") from error
    found = line.rstrip(b"\n")
    if not found or len(found) > _STDIN_MAX:
        raise BadInput(
            f"the first line of '{file}' is no passphrase: it has {len(found)} bytes or more"
            if found
            else f"the first line of '{file}' is empty"
        )
    return found


def without_consent(check: Callable[[], object], question: str) -> bool:
    """Whether ``check`` passed; if it wants consent, the question is asked and False returned.

    Raises:
        ConsentNeeded: the user does not consent.
    """
    try:
        check()
        return True
    except ConsentNeeded as error:
        refusal = error
    # not in the handler above: while an error is handled, Ctrl-C is not listened to
    output.note(refusal.message)
    if not agreed(question):
        raise refusal
    return False


def agreed(question: str) -> bool:
    """Whether the user says yes; anything but a clear yes is no."""
    return choice(f"{question} [y/N]") in {"y", "yes"}


def choice(question: str) -> str:
    """What the user answers, in lower case without blanks around."""
    sys.stderr.write(question + " ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower()


def _read_stdin(check: Callable[[str], None] = check_password) -> str:
    line = sys.stdin.readline(_STDIN_MAX)
    if not line:
        raise BadInput("no password on standard input", hint="printf '%s\\n' \"$PASSWORD\" | ...")
    password = line.rstrip("\n")
    check(password)
    return password
