"""Finding domains, errors in our words, and what the play host can do of the rest."""

from __future__ import annotations

import pytest

from lifebuoy.errors import HostTrouble, InstanceNotFound
from lifebuoy.hypervisor import Host
from lifebuoy.model import RunState

SECRET = "hunter2hunter2"


def test_a_domain_is_found_by_name_uuid_and_id(test_driver: Host) -> None:
    by_name = test_driver.domain("test")
    assert test_driver.domain(by_name.uuid).name == "test"
    assert test_driver.domain(by_name.uuid.replace("-", "").upper()).name == "test"
    assert test_driver.domain(str(by_name.id)).name == "test"


def test_a_number_is_a_name_first(test_driver: Host) -> None:
    number = str(test_driver.domain("test").id)
    other = test_driver.define(minimal(number))
    try:
        assert test_driver.domain(number).uuid == other.uuid
    finally:
        other.undefine()


def test_a_wrong_name_gets_near_ones(test_driver: Host) -> None:
    with pytest.raises(InstanceNotFound) as caught:
        test_driver.domain("tset")
    assert "test" in caught.value.hint


def test_autostart_is_read_and_set(test_driver: Host) -> None:
    domain = test_driver.define(minimal("auto"))
    try:
        assert domain.autostart is False
        domain.autostart = True
        assert domain.autostart is True
    finally:
        domain.undefine()


def test_a_domain_tells_its_state(test_driver: Host) -> None:
    domain = test_driver.domain("test")
    assert domain.active and domain.persistent and domain.run_state() is RunState.RUNNING
    domain.pause()
    assert domain.run_state() is RunState.PAUSED
    domain.resume()


def test_metadata_come_back_and_go(test_driver: Host) -> None:
    domain = test_driver.define(minimal("meta"))
    try:
        domain.set_metadata("http://example.org/x", "x", "<stay>text</stay>")
        assert "text" in (domain.metadata("http://example.org/x") or "")
        assert domain.metadata("http://example.org/y") is None
        domain.set_metadata("http://example.org/x", "x", None)
        assert domain.metadata("http://example.org/x") is None
    finally:
        domain.undefine()


@pytest.mark.parametrize(
    "xml", [f"<domain passwd='{SECRET}'><", f"<domain type='test'><graphics passwd='{SECRET}'/>"]
)
def test_a_refused_definition_shows_no_xml(test_driver: Host, xml: str) -> None:
    with pytest.raises(HostTrouble) as caught:
        test_driver.define(xml)
    assert SECRET not in caught.value.message and "<graphics" not in caught.value.message


def test_a_stopped_domain_stays_a_domain(test_driver: Host) -> None:
    domain = test_driver.define(minimal("life"))
    try:
        domain.destroy()
        domain.start()
        assert domain.active and not domain.wait_stopped(0.05)
        domain.destroy()
        assert domain.run_state() is RunState.STOPPED and domain.id is None
        with pytest.raises(HostTrouble):
            domain.shutdown()
    finally:
        domain.undefine()


def minimal(name: str) -> str:
    return (
        f"<domain type='test'><name>{name}</name><memory>8192</memory>"
        "<os><type>hvm</type></os></domain>"
    )
