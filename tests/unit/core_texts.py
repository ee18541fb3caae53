"""What the sources say to people, found by reading the sources: errors, findings, reasons.

A text is the f-string with its values as numbered places, ``'{0}' has {1} backup points``. Where a
value is chosen among texts in the same file, as an error's reason is, there is a text for each.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parents[2] / "src" / "lifebuoy"
_DEEP: Final = 6
#: As many ways to fill a text are enough.
_MOST: Final = 24
_COMMAND: Final = re.compile(
    r"((lifebuoy|virsh|qemu-img|systemctl|usermod|depmod|sgdisk|dd|ln|rm|chmod|chown) "
    r"|docs/|[a-z+]+://|initrd |INITRD |root=)[^:,(]*$"
)
_OPEN: Final = "\0"
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_TEXT_ARGUMENTS: Final = ("message", "hint", "safe")
#: Files with functions whose strings are for people.
_TELLING: Final = (
    "backup/definition.py",
    "backup/refusal.py",
    "guest/doctor/describing.py",
    "operations/",
    "rescue/access.py",
)
#: Of other calls: which arguments are texts, by number and by name.
_DATA: Final[dict[str, tuple[dict[int, str], tuple[str, ...]]]] = {
    "Finding": ({3: "seen", 4: "why", 7: "by_hand"}, ("seen", "why", "by_hand")),
    "Evidence": ({1: "expected"}, ("expected",)),
    "Repair": ({0: "summary"}, ("summary",)),
    "WriteBlocks": ({3: "what"}, ("what",)),
    "_Fault": ({0: "seen"}, ("seen",)),
    "Verdict": ({1: "reason"}, ("reason",)),
    "CannotApply": ({0: "why"}, ()),
    "CannotMount": ({0: "why"}, ()),
    "NoPackage": ({0: "why"}, ()),
    "Elf": ({}, ("fault",)),
    "Line": ({}, ("malformed",)),
    "Listing": ({}, ("fault",)),
    "_Broken": ({0: "why"}, ()),
    "kind": ({0: "message"}, _TEXT_ARGUMENTS),  # a class of errors
    "translated": ({0: "doing"}, ("safe",)),
    "translated_io": ({0: "doing"}, ()),
    "as_ours": ({1: "doing"}, ("safe",)),
    "alone": ({1: "doing"}, ()),
    "held_up": ({1: "doing"}, ()),
    "Step": ({}, ("onward",)),
    "StepEvent": ({}, ("detail",)),
    "Entry": ({}, ("detail",)),
    "CheckItem": ({0: "name", 2: "detail", 3: "hint"}, ("hint",)),
    "KvmVerdict": ({1: "reason"}, ()),
    "Commands": ({}, ("put_back", "kernel", "initramfs", "grub_bios", "loader_efi", "init", "pam")),
    "Verified": ({2: "how", 3: "problem"}, ()),
    "unusable": ({1: "why"}, ()),
    "drifted": ({1: "what"}, ()),
    "LetGo": ({0: "why"}, ()),
    "CancelRequested": ({0: "why"}, ()),
}


@dataclass(frozen=True)
class Place:
    """A value in a text; ``inner`` is what it is made of."""

    inner: ast.expr


Parts = tuple["str | Place", ...]


@dataclass
class Module:
    """A source file, with where each thing in it stands."""

    path: Path
    tree: ast.Module
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)

    def function_of(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The function that the node is in."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, _FUNCTIONS):
                return node
        return None


@cache
def module(path: Path) -> Module:
    """The file, read."""
    made = Module(path, ast.parse(path.read_text("utf-8")))
    for node in ast.walk(made.tree):
        for child in ast.iter_child_nodes(node):
            made.parents[child] = node
    return made


@cache
def error_classes() -> frozenset[str]:
    """Names of all classes of errors."""
    found = {"LifebuoyError"}
    classes = [
        node
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(module(path).tree)
        if isinstance(node, ast.ClassDef)
    ]
    while True:
        more = {
            one.name
            for one in classes
            if any(isinstance(base, ast.Name) and base.id in found for base in one.bases)
        }
        if more <= found:
            return frozenset(found)
        found |= more


class Reader:
    """Finds the texts of one file."""

    def __init__(self, path: Path) -> None:
        self.module = module(path)
        self.texts: dict[str, int] = {}

    def read(self) -> dict[str, int]:
        """Each text with the line that it stands in."""
        for node in ast.walk(self.module.tree):
            if isinstance(node, ast.Call):
                for argument in text_arguments(node):
                    self.add(argument, self.module)
            elif isinstance(node, _FUNCTIONS) and is_telling(node, self.module.path):
                for one in ast.walk(node):
                    if isinstance(one, ast.Return) and one.value is not None:
                        self.add(one.value, self.module)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = {one.id for one in targets if isinstance(one, ast.Name)}
                if "default_safe" in names:
                    self.add(node.value, self.module)
        return self.texts

    def add(self, node: ast.expr, where: Module) -> None:
        """Note every text that the expression may be."""
        for parts, home in self.variants(node, where, 0):
            for text in self.filled(parts, home, 0):
                if is_text(text):
                    self.texts.setdefault(numbered(text), node.lineno)

    def filled(self, parts: Parts, where: Module, deep: int) -> list[str]:
        """The text, each value as what it may be where those are texts of ours, else as a place."""
        ways: list[list[str]] = []
        for part in parts:
            ways.append([part] if isinstance(part, str) else self.choices(part, where, deep + 1))
        return ["".join(way) for way in itertools.islice(itertools.product(*ways), _MOST)]

    def choices(self, place: Place, where: Module, deep: int) -> list[str]:
        """The texts that a value may be; a place where it is none of ours."""
        found = [
            text
            for parts, home in self.variants(place.inner, where, deep)
            for text in self.filled(parts, home, deep)
        ]
        return list(dict.fromkeys(found))[:_MOST] or [_OPEN]

    def variants(self, node: ast.expr, where: Module, deep: int) -> Iterator[tuple[Parts, Module]]:
        """What the expression may be; a value that is no text of ours is not among it."""
        if deep > _DEEP:
            return
        if isinstance(node, (ast.Tuple, ast.List)):
            for one in node.elts:
                inner = one.value if isinstance(one, ast.Starred) else one
                yield from self.variants(inner, where, deep)
        elif isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp, ast.IfExp)):
            for parts in spelled(node, where):
                if any(isinstance(part, str) for part in parts) or len(parts) > 1:
                    yield parts, where
                elif parts and isinstance(parts[0], Place):
                    yield from self.variants(parts[0].inner, where, deep + 1)
        elif isinstance(node, ast.BoolOp):
            for one in node.values:
                yield from self.variants(one, where, deep)
        elif isinstance(node, (ast.GeneratorExp, ast.ListComp)):
            yield from self.variants(node.elt, where, deep)
        else:
            for inner, home in self.meant(node, where):
                yield from self.variants(inner, home, deep + 1)

    def meant(self, node: ast.expr, where: Module) -> Iterator[tuple[ast.expr, Module]]:
        """The expressions that a name or a call stands for."""
        if isinstance(node, ast.Name):
            yield from named(node, where)
        elif isinstance(node, ast.Subscript):
            for inner, home in self.meant(node.value, where):
                if isinstance(inner, ast.Dict):
                    yield from ((one, home) for one in inner.values)
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "join":
                yield from ((one, where) for one in node.args)
            elif isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                for inner, home in self.meant(node.func.value, where):
                    if isinstance(inner, ast.Dict):
                        yield from ((one, home) for one in inner.values)
            elif isinstance(node.func, ast.Attribute) and node.func.attr == "format":
                yield node.func.value, where
            else:
                yield from returned(node, where)
        elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("self."):
            for one in ast.walk(where.tree):
                targets = one.targets if isinstance(one, ast.Assign) else []
                if isinstance(one, ast.Assign) and ast.unparse(node) in map(ast.unparse, targets):
                    yield one.value, where


def is_telling(function: ast.FunctionDef | ast.AsyncFunctionDef, path: Path) -> bool:
    """Whether what the function returns is for people: of a step what came of it, and the like."""
    returns = ast.unparse(function.returns) if function.returns else ""
    file = str(path.relative_to(SOURCES))
    return file.startswith(_TELLING) and returns in ("str", "str | None", "list[str]")


def text_arguments(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments that people read, of an error or of the doctor's data."""
    name = called(call)
    if name in error_classes():
        if name == "DefinitionChanged":
            return
        if name == "StepFailed" or name == "super":
            yield from (one.value for one in call.keywords if one.arg in _TEXT_ARGUMENTS)
            return
        yield from call.args[:1]
        yield from (one.value for one in call.keywords if one.arg in _TEXT_ARGUMENTS)
    elif name in _DATA:
        places, names = _DATA[name]
        yield from (one for number, one in enumerate(call.args) if number in places)
        yield from (one.value for one in call.keywords if one.arg in names)


def called(call: ast.Call) -> str:
    """What is called, without the module it is in."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def spelled(node: ast.expr, where: Module) -> list[Parts]:
    """The ways in which an expression spells a text out."""
    if isinstance(node, ast.Constant):
        return [(node.value,)] if isinstance(node.value, str) else [(Place(node),)]
    if isinstance(node, ast.IfExp):
        return [*spelled(node.body, where), *spelled(node.orelse, where)]
    if isinstance(node, ast.JoinedStr):
        return together([spelled(one, where) for one in node.values])
    if isinstance(node, ast.FormattedValue):
        inner = node.value
        if isinstance(inner, ast.Name) and inner.id.lstrip("_").isupper():
            inner = next((one for one, _ in named(inner, where)), inner)
        plain = node.format_spec is None and isinstance(inner, (ast.IfExp, ast.Constant))
        return spelled(inner, where) if plain else [(Place(node.value),)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return together([spelled(node.left, where), spelled(node.right, where)])
    return [(Place(node),)]


def together(pieces: list[list[Parts]]) -> list[Parts]:
    """All ways to put one way of each piece after the other."""
    return [sum(ways, ()) for ways in itertools.product(*pieces)]


def numbered(text: str) -> str:
    """The text, its places numbered."""
    number = itertools.count()
    return re.sub(_OPEN, lambda place: f"{{{next(number)}}}", text)


def is_text(text: str) -> bool:
    """Whether there is something in it for people: words, not a name, a path or a command."""
    bare = text.replace(_OPEN, "").strip()
    words = re.findall(r"(?<![\w/.-])[A-Za-z]{2,}(?![\w/-])", bare)
    if len(words) < 2 and not (words and _OPEN in text):
        return False
    return not _COMMAND.match(text)


def named(node: ast.Name, where: Module) -> Iterator[tuple[ast.expr, Module]]:
    """What a name was given in its function, by its callers or in its module."""
    function = where.function_of(node)
    if function is not None:
        found = list(assigned(function, node.id, where))
        if found:
            yield from ((one, where) for one in found)
            return
        arguments = [*function.args.posonlyargs, *function.args.args]
        names = [one.arg for one in arguments]
        names_only = [one.arg for one in function.args.kwonlyargs]
        if node.id in names or node.id in names_only:
            yield from ((one, where) for one in given(function, node.id, names, where))
            return
    for one in where.tree.body:
        if isinstance(one, (ast.Assign, ast.AnnAssign)) and one.value is not None:
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            if any(isinstance(target, ast.Name) and target.id == node.id for target in targets):
                yield one.value, where
        elif isinstance(one, ast.ImportFrom) and one.module:
            yield from imported(one, node.id)


def imported(statement: ast.ImportFrom, name: str) -> Iterator[tuple[ast.expr, Module]]:
    """What a name of another module of ours was given there."""
    real = next((one.name for one in statement.names if (one.asname or one.name) == name), None)
    home = ours(statement)
    if real is not None and home is not None:
        yield from named(ast.Name(real, ast.Load()), home)


def ours(statement: ast.ImportFrom) -> Module | None:
    """The module of ours that something is imported from."""
    path = SOURCES.parent / f"{(statement.module or '').replace('.', '/')}.py"
    return module(path) if path.is_file() else None


def assigned(function: ast.AST, name: str, where: Module) -> Iterator[ast.expr]:
    """All that a name is given in a function."""
    for one in ast.walk(function):
        if isinstance(one, (ast.Assign, ast.AugAssign)):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield one.value
                elif isinstance(target, ast.Tuple) and isinstance(one.value, ast.Tuple):
                    for left, right in zip(target.elts, one.value.elts, strict=False):
                        if isinstance(left, ast.Name) and left.id == name:
                            yield right
        elif (
            isinstance(one, (ast.AnnAssign, ast.NamedExpr))
            and isinstance(one.target, ast.Name)
            and one.target.id == name
            and one.value is not None
        ):
            yield one.value
        elif isinstance(one, (ast.For, ast.comprehension)):
            yield from looped(one, name, where)


def looped(loop: ast.For | ast.comprehension, name: str, where: Module) -> Iterator[ast.expr]:
    """What a loop over a tuple that is written out, there or as a constant, gives a name."""
    target, rows = loop.target, loop.iter
    if name not in [one.id for one in ast.walk(target) if isinstance(one, ast.Name)]:
        return
    if isinstance(rows, ast.Name) and rows.id.lstrip("_").isupper():
        rows = next((one for one, _ in named(rows, where)), rows)
    if not isinstance(rows, (ast.Tuple, ast.List)):
        return
    for row in rows.elts:
        if isinstance(target, ast.Name) and target.id == name:
            yield row
        elif isinstance(target, ast.Tuple) and isinstance(row, ast.Tuple):
            for left, right in zip(target.elts, row.elts, strict=False):
                if isinstance(left, ast.Name) and left.id == name:
                    yield right


def given(
    function: ast.FunctionDef | ast.AsyncFunctionDef, name: str, names: list[str], where: Module
) -> Iterator[ast.expr]:
    """What the callers in the same module give an argument, and what it is else."""
    is_method = bool(names) and names[0] in ("self", "cls")
    place = names.index(name) - is_method if name in names else -1
    defaults = function.args.defaults
    if name in names and names.index(name) >= len(names) - len(defaults):
        yield defaults[names.index(name) - len(names) + len(defaults)]
    for only, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if only.arg == name and default is not None:
            yield default
    for node in ast.walk(where.tree):
        if isinstance(node, ast.Call) and called(node) == function.name:
            if 0 <= place < len(node.args) and not isinstance(node.args[place], ast.Starred):
                yield node.args[place]
            yield from (one.value for one in node.keywords if one.arg == name)


def returned(call: ast.Call, where: Module) -> Iterator[tuple[ast.expr, Module]]:
    """What a function of the same module, or one that is imported from ours, gives back."""
    name = called(call)
    yield from returns_of(name, where)
    for one in where.tree.body:
        if isinstance(one, ast.ImportFrom) and name in [alias.name for alias in one.names]:
            home = ours(one)
            if home is not None:
                yield from returns_of(name, home)


def returns_of(name: str, where: Module) -> Iterator[tuple[ast.expr, Module]]:
    """The values that functions of that name return, or give one after the other."""
    for node in ast.walk(where.tree):
        if isinstance(node, _FUNCTIONS) and node.name == name:
            for one in ast.walk(node):
                if isinstance(one, (ast.Return, ast.Yield)) and one.value is not None:
                    yield one.value, where


def constants() -> str:
    """All that stands in quotes in the sources, a piece a line."""
    return "\n".join(
        node.value
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(module(path).tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
