"""Settings: a flag beats the environment, which beats the file; nothing is misread silently."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lifebuoy.errors import BadInput
from lifebuoy.hosts.place import Place
from lifebuoy.operations.retention import Retention
from lifebuoy.settings import reading, reference
from lifebuoy.settings.validation import masked
from lifebuoy.settings.values import Server, Settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text('connect = "qemu:///from-file"\n')
    return path


def read(
    file: Path, environment: Mapping[str, str] | None = None, connect: str | None = None
) -> Settings:
    return reading.read({"connect": connect}, environment or {}, file)


def test_the_flag_beats_the_environment_beats_the_file(file: Path) -> None:
    environment = {"LIFEBUOY_CONNECT": "qemu:///from-env"}
    assert read(file, environment, "qemu:///from-flag").connect == "qemu:///from-flag"
    assert read(file, environment).connect == "qemu:///from-env"
    assert read(file).connect == "qemu:///from-file"
    assert read(file, {"LIFEBUOY_CONNECT": ""}).connect == "qemu:///from-file"


def test_each_setting_tells_where_it_came_from(file: Path) -> None:
    environment = {
        "LIFEBUOY_HOST_TIMEOUT_S": "2.5",
        "LIFEBUOY_HOSTS__WEB__URI": "qemu+ssh://web/system",
    }
    found = reading.explained({"connect": "qemu:///flag"}, environment, file)
    told = {origin.key: (origin.value, origin.source) for origin in found.origins}
    assert told["connect"] == ("qemu:///flag", "--connect")
    assert told["host_timeout_s"] == (2.5, "LIFEBUOY_HOST_TIMEOUT_S")
    assert told["hosts.web.uri"] == ("qemu+ssh://web/system", "LIFEBUOY_HOSTS__WEB__URI")
    assert told["database"] == ("", "default")
    assert reading.explained({}, {}, file).origins[0].source == str(file)


def test_how_long_operations_are_kept_can_be_set(file: Path) -> None:
    assert read(file).retention == Retention(days=90, newest=100)
    file.write_text("operations_kept_days = 7\n")
    kept = read(file, {"LIFEBUOY_OPERATIONS_KEPT_NEWEST": "0"}).retention
    assert kept == Retention(days=7, newest=0)


def test_where_the_server_listens_can_be_set(file: Path) -> None:
    assert read(file).server == Server("127.0.0.1:8765", "")
    file.write_text('[server]\nlisten = "[::1]:80"\n')
    environment = {"LIFEBUOY_SERVER__ORIGIN": "https://rescue.example"}
    assert read(file, environment).server == Server("[::1]:80", "https://rescue.example")
    origins = reading.explained({}, environment, file).origins
    told = {origin.key: origin.source for origin in origins}
    assert told["server.listen"] == str(file)
    assert told["server.origin"] == "LIFEBUOY_SERVER__ORIGIN"
    for wrong in ('listen = "8765"', "listen = 8765", 'origin = "x"', "lisen = 1"):
        file.write_text(f"[server]\n{wrong}\n")
        with pytest.raises(BadInput, match=r"server\.(listen|origin|lisen)"):
            read(file)


def test_hosts_of_file_and_environment_are_put_together(file: Path) -> None:
    file.write_text('pool = "media"\n[hosts.b]\nuri = "qemu:///b"\n[hosts."a.x"]\nuri = "embed"\n')
    found = read(file, {"LIFEBUOY_HOSTS__B__POOL": "other"})
    assert found.hosts == (Place("a.x", "embed", "media"), Place("b", "qemu:///b", "other"))


def test_without_anything_set_the_defaults_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert read(reading.default_path()) == Settings()
    model = reading.explained({}, {}, reading.default_path()).settings
    assert model == Settings()  # those of the schema are those of the plain values


def test_a_broken_file_can_be_got_around(file: Path) -> None:
    file.write_text("connect = [")
    with pytest.raises(BadInput, match="not TOML") as caught:
        read(file)
    assert "--config" in caught.value.hint
    assert reading.path_of(None, {"LIFEBUOY_CONFIG": "/dev/null"}) == Path("/dev/null")
    assert read(Path("/dev/null")) == Settings()


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no file"):
        read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('conect = "qemu:///system"', "unknown key 'conect'"),
        ("connect = 7", "'connect' in"),
        ('connect = ""', "'connect' in"),
        ("[connect]", "'connect' in"),
        ("host_timeout_s = 0", "'host_timeout_s' in"),
        ("operations_kept_days = 0", "'operations_kept_days' in"),
        ('[hosts.A]\nuri = "qemu:///x"', "cannot be called 'A'"),
        ('[hosts."a/b"]\nuri = "qemu:///x"', "cannot be called 'a/b'"),
        ("[hosts.a]", "'hosts.a.uri' in"),
        ('[hosts.a]\nurl = "qemu:///x"', "unknown key 'hosts.a.url'"),
        ('[hosts.a]\nuri = "nowhere"', "not a libvirt URI"),
    ],
)
def test_what_the_file_must_not_say_is_refused(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(BadInput, match=words) as caught:
        read(file)
    assert caught.value.hint


def test_a_misspelt_key_is_recognised(file: Path) -> None:
    file.write_text('conect = "qemu:///system"')
    with pytest.raises(BadInput) as caught:
        read(file)
    assert "did you mean 'connect'?" in caught.value.hint


def test_the_environment_is_validated_too(file: Path) -> None:
    with pytest.raises(BadInput, match="from LIFEBUOY_HOST_TIMEOUT_S"):
        read(file, {"LIFEBUOY_HOST_TIMEOUT_S": "soon"})
    with pytest.raises(BadInput, match="LIFEBUOY_HOSTS is not JSON"):
        read(file, {"LIFEBUOY_HOSTS": "{"})
    with pytest.raises(BadInput, match="LIFEBUOY_DATABSE") as caught:
        read(file, {"LIFEBUOY_DATABSE": "postgresql:///x"})
    assert "LIFEBUOY_DATABASE" in caught.value.hint
    for other in ("LIFEBUOY_CACHE", "LIFEBUOY_TEST_IMAGES", "LIFEBUOY_HOSTS__A__URI"):
        read(file, {other: "qemu:///system"})


@pytest.mark.parametrize(
    "uri",
    [
        "qemu+tcp://me:hunter2@box/system",
        "qemu+ssh://me:hun@ter2@box/system",
        "qemu+tls://box/system?password=hunter2",
    ],
)
def test_a_uri_with_a_password_is_refused_and_not_repeated(file: Path, uri: str) -> None:
    for text in (f'connect = "{uri}"', f'[hosts.a]\nuri = "{uri}"'):
        file.write_text(text)
        with pytest.raises(BadInput, match="password") as caught:
            read(file)
        assert "hun" not in caught.value.message + caught.value.hint + repr(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://a:b@c/d", "postgresql://a:***@c/d"),
        ("postgresql://a:b:c@d@e/f", "postgresql://a:***@e/f"),
        ("postgresql://c/d?user=a&password=b&x=y", "postgresql://c/d?user=a&password=***&x=y"),
        ("postgresql://a@c/d", "postgresql://a@c/d"),
        ("", ""),
    ],
)
def test_a_database_is_shown_without_its_password(url: str, shown: str, file: Path) -> None:
    assert masked(url) == shown
    found = reading.explained({}, {"LIFEBUOY_DATABASE": url}, file)
    assert next(o.value for o in found.origins if o.key == "database") == shown
    assert url in found.settings.database and (not url or url not in repr(found.settings))


def test_the_page_of_the_settings_is_what_is_read() -> None:
    written = Path(__file__).parents[2] / "docs" / "settings.md"
    assert written.read_text("utf-8") == reference.page()
