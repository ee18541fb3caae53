"""Which definitions cannot be rescued, and why: decided before anything is touched."""

from __future__ import annotations

from lifebuoy.errors import CannotRescue
from lifebuoy.rescue.cdrom import is_i440fx, is_ours, is_q35, plan
from lifebuoy.rescue.markup import Element, attribute, parse, words
from lifebuoy.rescue.stay import TAG
from lifebuoy.rescue.traits import kib_of

QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"

#: QEMU's own options that decide what is booted or what a stop means, behind libvirt's back.
_OPTIONS = {
    "kernel": "it boots a kernel of its own",
    "initrd": "it boots a kernel of its own",
    "append": "it boots a kernel of its own",
    "dtb": "it boots a kernel of its own",
    "shim": "it boots a kernel of its own",
    "boot": "it sets a boot order of its own",
    "cdrom": "it adds a CD-ROM of its own",
    "bios": "it sets firmware of its own",
    "L": "it sets firmware of its own",
    "pflash": "it sets firmware of its own",
    "no-shutdown": "it changes what a power-off does",
    "no-reboot": "it changes what a reboot does",
    "action": "it changes what a power-off or reboot does",
    "watchdog-action": "it changes what the watchdog does",
    "incoming": "it resumes a saved machine instead of booting",
    "loadvm": "it resumes a saved machine instead of booting",
    "snapshot": "it throws away what is written to the disks",
    "readconfig": "it reads settings from a file that cannot be seen here",
}

#: Parts of an argument's value that do the same.
_VALUES = {
    "bootindex": "it sets a boot order of its own",
    "if=pflash": "it sets firmware of its own",
    "pflash0=": "it sets firmware of its own",
    "pflash1=": "it sets firmware of its own",
    "firmware=": "it sets firmware of its own",
    "kernel=": "it boots a kernel of its own",
    "initrd=": "it boots a kernel of its own",
}

#: CPU models without long mode: a 64-bit kernel does not start on them.
_CPUS_32_BIT = frozenset(
    {
        "486",
        "pentium",
        "pentium2",
        "pentium3",
        "pentiumpro",
        "coreduo",
        "n270",
        "qemu32",
        "kvm32",
        "athlon",
    }
)


def refuse_if_impossible(
    xml: str, *, image_arch: str = "x86_64", min_memory_mib: int = 512
) -> None:
    """Pass if the definition can be rescued.

    Raises:
        CannotRescue: naming the part that stands in the way and what to do.
    """
    refuse_element(parse(xml), image_arch=image_arch, min_memory_mib=min_memory_mib)


def refuse_element(root: Element, *, image_arch: str, min_memory_mib: int) -> None:
    """The same for a parsed definition."""
    _refuse_rescued(root)
    _refuse_kind(root, image_arch)
    _refuse_machine(root)
    _refuse_cpu(root)
    _refuse_sealed(root)
    _refuse_arguments(root)
    _refuse_overrides(root)
    _refuse_memory(root, min_memory_mib)
    plan(root)


def _refuse_rescued(root: Element) -> None:
    if root.find(f"metadata/{TAG}") is not None:
        raise CannotRescue("the instance is in rescue mode already", hint="leave rescue mode first")
    ours = [disk for disk in root.findall("devices/disk") if is_ours(disk)]
    if ours:
        names = ", ".join(attribute(disk, "target", "dev") for disk in ours)
        raise CannotRescue(
            f"the definition has rescue CD-ROMs ({names}) but no record of a stay: somebody "
            "removed the record, or copied a definition in rescue mode",
            hint="check the definition, then detach these CD-ROMs",
        )


def _refuse_kind(root: Element, image_arch: str) -> None:
    kind = str(root.get("type") or "")
    if kind not in ("kvm", "qemu"):
        raise CannotRescue(
            f"the domain type '{kind}' is not supported",
            hint="rescue mode works for QEMU and KVM machines",
        )
    os_type = words(root, "os/type")
    if os_type != "hvm":
        raise CannotRescue(
            f"the os type '{os_type}' does not boot from a CD-ROM",
            hint="rescue mode works for fully virtualised machines (os type hvm)",
        )
    arch = attribute(root, "os/type", "arch")
    if arch == "i686" and image_arch == "x86_64":
        raise CannotRescue(
            "the machine is 32-bit (arch i686) and the rescue system is 64-bit",
            hint="use a rescue image made for i686, or change the arch to x86_64 if the host "
            "can: a 32-bit guest runs there as well",
        )
    if arch != image_arch:
        raise CannotRescue(
            f"the machine is {arch or 'of no stated architecture'} and the rescue image is "
            f"for {image_arch}",
            hint=f"add a rescue image made for {arch}" if arch else "",
        )


def _refuse_machine(root: Element) -> None:
    machine = attribute(root, "os/type", "machine")
    # Other architectures have machines of their own names; their images are their owners'.
    if attribute(root, "os/type", "arch") not in ("x86_64", "i686"):
        return
    if not (is_q35(root) or is_i440fx(root)):
        raise CannotRescue(
            f"the machine type '{machine}' has no CD-ROM to boot from",
            hint="change the machine type to q35 or pc, or repair its disk from another instance",
        )


def _refuse_cpu(root: Element) -> None:
    model = words(root, "cpu/model")
    if model in _CPUS_32_BIT:
        raise CannotRescue(
            f"the CPU model '{model}' is 32-bit and the rescue system is 64-bit",
            hint="choose a 64-bit CPU model (qemu64, say): 32-bit systems run on it as well",
        )
    for feature in root.findall("cpu/feature"):
        if feature.get("name") == "lm" and feature.get("policy") in ("disable", "forbid"):
            raise CannotRescue(
                "the CPU feature 'lm' (64-bit mode) is taken away and the rescue system is 64-bit",
                hint="take the line <feature name='lm'> out of the definition for the stay",
            )


def _refuse_sealed(root: Element) -> None:
    seal = root.find("launchSecurity")
    if seal is not None:
        raise CannotRescue(
            f"the machine is sealed (launchSecurity {seal.get('type') or ''}): what it boots is "
            "measured, and its disks' keys are released to nothing else",
            hint="repair it from within, or attach its disk to another instance",
        )


def qemu_arguments(root: Element) -> list[str]:
    """What the definition hands QEMU itself."""
    return [
        str(argument.get("value") or "")
        for argument in root.findall(f"{{{QEMU_NAMESPACE}}}commandline/{{{QEMU_NAMESPACE}}}arg")
    ]


def _refuse_arguments(root: Element) -> None:
    for argument in qemu_arguments(root):
        why = _why_refused(argument)
        if why:
            raise CannotRescue(
                f"the definition hands QEMU the argument '{argument}' (qemu:commandline): {why}",
                hint="take it out of the definition for the stay",
            )


def _why_refused(argument: str) -> str:
    if argument.startswith("-"):
        return _OPTIONS.get(argument.lstrip("-"), "")
    return next((why for part, why in _VALUES.items() if _has(argument, part)), "")


def _has(argument: str, part: str) -> bool:
    # Only whole keys count: 'mykernel=' is not 'kernel='.
    keys = argument.replace(" ", "").split(",")
    return any(key.startswith(part) for key in keys) or f'"{part.rstrip("=")}"' in argument


def _refuse_overrides(root: Element) -> None:
    for item in root.iterfind(f"{{{QEMU_NAMESPACE}}}override//{{{QEMU_NAMESPACE}}}property"):
        if item.get("name") == "bootindex":
            raise CannotRescue(
                "the definition sets 'bootindex' of a device (qemu:override): it sets a boot "
                "order of its own",
                hint="take it out of the definition for the stay",
            )


def _refuse_memory(root: Element, min_memory_mib: int) -> None:
    memory_kib = kib_of(root.find("memory"))
    if memory_kib >= min_memory_mib * 1024:
        return
    parts = (
        ("cpu/numa", "NUMA cells"),
        ("maxMemory", "memory hotplug (maxMemory)"),
        ("devices/memory", "memory devices"),
        ("memoryBacking/hugepages", "huge pages"),
    )
    for path, what in parts:
        found = root.find(path)
        if found is not None:
            raise CannotRescue(
                f"the instance has {memory_kib // 1024} MiB of memory, the rescue system needs "
                f"{min_memory_mib}, and with {what} it is not clear where to add it",
                hint=f"give the instance at least {min_memory_mib} MiB for the stay",
            )
