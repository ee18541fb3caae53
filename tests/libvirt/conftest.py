"""What the tests of the hypervisor layer import by name; the fixtures are those of all tests."""

from tests.conftest import SHORT_TMP, Daemon, definition

__all__ = ["SHORT_TMP", "Daemon", "definition"]
