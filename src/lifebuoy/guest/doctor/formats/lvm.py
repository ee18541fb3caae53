"""LVM2's metadata text: where a logical volume lies on its disks, in pieces or in stripes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

MOST_METADATA = 4 << 20
MOST_TOKENS = 200_000
MOST_STRIPES = 128
#: a string without its end goes to the end of the text, so that no part is looked at twice
_TOKEN = re.compile(r'"((?:[^"\\]|\\[\s\S])*)(?:"|\\?\Z)|([A-Za-z0-9_.+-]+)|([\[\]{}=,])|#[^\n]*')
Node = dict[str, object]


@dataclass(frozen=True)
class Segment:
    """A run of a logical volume; bytes.

    ``areas`` are (physical volume's id, first byte there); of several the run is striped over them
    in portions of ``stripe`` bytes.
    """

    start: int
    size: int
    stripe: int
    areas: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Logical:
    """A logical volume; its segments cover it without gaps, or ``obstacle`` says why not.

    ``identity`` is what the device mapper has as its UUID. ``origin``: snapshots were taken of it,
    which a write beside LVM would falsify.
    """

    group: str
    name: str
    identity: str
    segments: tuple[Segment, ...]
    obstacle: str = ""
    origin: bool = False

    @property
    def mapped(self) -> str:
        """Its name in /dev/mapper."""
        return f"{self.group.replace('-', '--')}-{self.name.replace('-', '--')}"

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(one.size for one in self.segments)


def read_physical(read: Callable[[int, int], bytes]) -> tuple[str, str] | None:
    """The id of a physical volume and its metadata text, from a reader of that volume."""
    head = read(0, 2048)
    for sector in range(4):
        label = head[sector * 512 : sector * 512 + 512]
        if label[:8] == b"LABELONE" and label[24:32] == b"LVM2 001":
            break
    else:
        return None
    at = struct.unpack_from("<I", label, 20)[0]
    if at > 400 or len(label) < 512:
        return None
    identity = label[at : at + 32].decode("ascii", "replace")
    areas, at, list_number = [], at + 40, 0
    while at + 16 <= 512 and list_number < 2:
        offset, size = struct.unpack_from("<QQ", label, at)
        at += 16
        if offset == 0:
            list_number += 1
        elif list_number == 1:
            areas.append((offset, size))
    for offset, size in areas:
        text = _metadata(read, offset, size)
        if text:
            return identity, text
    return None


def _metadata(read: Callable[[int, int], bytes], start: int, size: int) -> str:
    header = read(start, 512)
    if header[4:20] != b" LVM2 x[5A%r0N*>" or len(header) < 512:
        return ""
    offset, length = struct.unpack_from("<QQ", header, 40)
    if not 0 < length <= MOST_METADATA or not 512 <= offset < size:
        return ""
    first = min(length, size - offset)
    data = read(start + offset, first)
    if first < length:  # the area is a ring after its header
        data += read(start + 512, length - first)
    return data.split(b"\0")[0].decode("utf-8", "replace")


def parse(text: str) -> Node:
    """The text as nested dictionaries; what cannot be understood is left out."""
    tokens = []
    for match in _TOKEN.finditer(text):
        if match.lastindex:
            tokens.append((match.lastindex, match.group(match.lastindex)))
        if len(tokens) > MOST_TOKENS:
            break
    root: Node = {}
    stack, at = [root], 0
    while at < len(tokens):
        value = tokens[at][1]
        after = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        if value == "}":
            if len(stack) > 1:
                stack.pop()
            at += 1
        elif after == "{" and len(stack) < 20:
            inner: Node = {}
            stack[-1][value] = inner
            stack.append(inner)
            at += 2
        elif after == "=" and at + 2 < len(tokens):
            at = _assign(stack[-1], value, tokens, at + 2)
        else:
            at += 1
    return root


def _assign(node: Node, name: str, tokens: list[tuple[int, str]], at: int) -> int:
    if tokens[at][1] != "[":
        node[name] = tokens[at][1]
        return at + 1
    values = []
    at += 1
    while at < len(tokens) and tokens[at][1] != "]":
        if tokens[at][1] != ",":
            values.append(tokens[at][1])
        at += 1
    node[name] = values
    return at + 1


def revision(text: str) -> int:
    """How often the volume group had been changed when this text was written."""
    nodes = (one for one in parse(text).values() if isinstance(one, dict))
    return max((_number(node.get("seqno")) for node in nodes), default=0)


def logical_volumes(text: str) -> list[Logical]:
    """The logical volumes of the volume group that this metadata describes; no internal ones."""
    found = []
    for group, node in parse(text).items():
        if not isinstance(node, dict) or "logical_volumes" not in node:
            continue
        physical = _nodes(node.get("physical_volumes"))
        extent = _number(node.get("extent_size")) * 512
        volumes = _nodes(node.get("logical_volumes"))
        origins = {
            str(segment.get("origin"))
            for volume in volumes.values()
            for segment in _nodes(volume).values()
            if segment.get("type") == "snapshot"
        }
        for name, volume in volumes.items():
            flags = volume.get("status")
            if isinstance(flags, list) and "VISIBLE" not in flags:
                continue
            identity = f"LVM-{_identity(node)}{_identity(volume)}"
            segments, obstacle = _segments(volume, physical, extent)
            found.append(Logical(group, name, identity, segments, obstacle, name in origins))
    return found


def _identity(node: Node) -> str:
    return str(node.get("id", "")).replace("-", "")


def _segments(
    volume: Node, physical: dict[str, Node], extent: int
) -> tuple[tuple[Segment, ...], str]:
    found: list[Segment] = []
    nodes = (one for one in _nodes(volume).values() if "extent_count" in one)
    at = 0
    for node in sorted(nodes, key=lambda one: _number(one.get("start_extent"))):
        if node.get("type") != "striped":
            return (), f"it is of the type {node.get('type')}"
        stripes = node.get("stripes")
        size = _number(node.get("extent_count")) * extent
        if not isinstance(stripes, list) or not 2 <= len(stripes) <= 2 * MOST_STRIPES:
            return (), "its stripes are not understood"
        if _number(node.get("start_extent")) * extent != at or size <= 0:
            return (), "it has gaps"
        areas = []
        for one in range(0, len(stripes) - 1, 2):
            home = physical.get(str(stripes[one]), {})
            first = _number(home.get("pe_start")) * 512 + _number(stripes[one + 1]) * extent
            areas.append((_identity(home), first))
        stripe = _number(node.get("stripe_size")) * 512
        if len(areas) > 1 and (stripe <= 0 or size % (stripe * len(areas))):
            return (), "its stripes are not understood"
        found.append(Segment(at, size, stripe if len(areas) > 1 else 0, tuple(areas)))
        at += size
    return tuple(found), "" if found else "it has no segments"


def _nodes(node: object) -> dict[str, Node]:
    if not isinstance(node, dict):
        return {}
    return {name: one for name, one in node.items() if isinstance(one, dict)}


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0
