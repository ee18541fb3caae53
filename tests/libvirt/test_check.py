"""KVM's verdict and the host check."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lifebuoy.hypervisor import Host, check_host, kvm
from lifebuoy.hypervisor.check import _kvm_device
from lifebuoy.hypervisor.kvm import KvmVerdict


@pytest.mark.slow
def test_the_probe_comes_to_a_verdict_and_keeps_it(embedded: Host, tmp_path: Path) -> None:
    first = kvm.probe(embedded, deadline_s=10, cache_dir=tmp_path)
    assert first.reason and first.usable is (first.seconds is not None)
    assert embedded.domains() == [] and embedded.store.list() == []
    assert kvm.probe(embedded, deadline_s=0.001, cache_dir=tmp_path) == first


def test_a_damaged_verdict_is_no_verdict(tmp_path: Path) -> None:
    file = tmp_path / "kvm-x.json"
    assert kvm._read(file) is None
    file.write_text("{")
    assert kvm._read(file) is None
    kvm._write(file, KvmVerdict(True, "works", 0.5))
    assert kvm._read(file) == KvmVerdict(True, "works", 0.5)
    os.utime(file, (0, 0))
    assert kvm._read(file) is None


def test_a_host_without_kvm_needs_no_trial(test_driver: Host, tmp_path: Path) -> None:
    verdict = kvm.probe(test_driver, cache_dir=tmp_path)
    assert not verdict.usable and "no KVM" in verdict.reason


def test_every_check_has_an_answer_and_every_lack_a_hint(test_driver: Host, tmp_path: Path) -> None:
    items = check_host(test_driver, cache_dir=tmp_path)
    names = [item.name for item in items]
    assert names[:5] == ["libvirt", "QEMU", "KVM", "storage", "UEFI firmware"]
    assert all(item.detail for item in items)
    assert any("xorriso" in name for name in names)


def test_a_kvm_device_closed_to_qemu_is_pointed_out(tmp_path: Path) -> None:
    device = tmp_path / "kvm"
    device.touch()
    device.chmod(0o600)
    (item,) = _kvm_device(device)
    assert item.ok is None and "chmod 0660" in item.hint
    device.chmod(0o660)
    (item,) = _kvm_device(device)
    assert item.ok is True
