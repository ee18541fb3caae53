"""What the core says is told in Chinese: all of it, with each value where it belongs."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from babel.messages.pofile import read_po
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lifebuoy.errors import LifebuoyError
from lifebuoy.model import Action, InstanceState
from lifebuoy.policy import check_password, require
from lifebuoy.web import telling
from lifebuoy.web.language import Language, texts
from lifebuoy.web.telling import Teller, teller
from tests.reading import english_in
from tests.unit.core_texts import SOURCES, Reader, constants

CATALOGUE: Final = Path(telling.__file__).parent / "locale" / "zh_CN" / "LC_MESSAGES" / "core.po"
MESSAGES: Final = texts(Language.CHINESE, "core")
#: What speaks on a command line only, or as the server starts; and what the rescue system prints.
ELSEWHERE: Final = (
    "cli",
    "client",
    "settings",
    "image/builder.py",
    "image/root.py",
    "image/tools.py",
    "api/certificate.py",
    "api/serving.py",
    "webhooks/model.py",
    "webhooks/secrets.py",
)
#: Of names, numbers and addresses only.
NAMES: Final = ("{0} on {1} ({2})",)
_PLACE: Final = re.compile(r"\{(\d+)(?::told)?\}")
_SOURCES: Final = [
    path
    for path in sorted(SOURCES.rglob("*.py"))
    if not str(path.relative_to(SOURCES)).startswith(ELSEWHERE)
]

tell = teller(Language.CHINESE).tell


@cache
def read() -> dict[str, str]:
    """Every text that pages can show, with the file that has it."""
    return {
        text: str(path.relative_to(SOURCES)) for path in _SOURCES for text in Reader(path).read()
    }


def filled(text: str) -> str:
    """The text with a name that nobody has in each place, but for roles: those are few."""
    named = _PLACE.sub(lambda place: f"⟦{place[1]}⟧", text)
    return re.sub(r" as ⟦\d+⟧", " as owner", named)


def test_every_text_that_pages_can_show_is_told_in_chinese() -> None:
    assert len(read()) > 800
    missing = []
    for text, path in read().items():
        said = filled(text)
        told = tell(said)
        whole = told != said or MESSAGES.get(text) == text or text in NAMES
        places = [sorted(re.findall("⟦.*?⟧", one)) for one in (said, told)]
        if not whole or places[0] != places[1] or english_in(told):
            missing.append(f"{path}: {text} -> {told}")
    assert not missing, "\n".join(missing)


def test_a_translation_has_the_places_of_its_text_and_each_once() -> None:
    for text, translation in MESSAGES.items():
        places = _PLACE.findall(text)
        assert places == [str(number) for number in range(len(places))], text
        assert sorted(_PLACE.findall(translation)) == places, text
        assert text.strip() and ":told" not in text


def test_the_compiled_catalogue_is_the_one_of_the_sources_and_nothing_in_it_is_left_over() -> None:
    with CATALOGUE.open("rb") as opened:
        sources = {str(one.id): str(one.string) for one in read_po(opened) if one.id}
    assert sources == MESSAGES
    said = constants()
    left_over = [text for text in MESSAGES.keys() - read().keys() if not _is_said(text, said)]
    assert not left_over


def _is_said(text: str, said: str) -> bool:
    """Whether its pieces are in the sources, or a text that was read is one of it."""
    pieces = [
        one.strip() for one in re.split(r"[,;:.()]|\{\d+\}|(?<= as )(?:admin|operator|owner)", text)
    ]
    if all(one in said or one.replace(" ", "-") in said for one in pieces):
        return True  # names of links are said in words
    template = re.compile("(.*)".join(re.escape(one) for one in _PLACE.split(text)[::2]))
    return any(template.fullmatch(one) for one in read())


_VALUES: Final = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(MESSAGES)), st.data())
def test_values_come_through_as_they_are_whatever_they_hold(text: str, data: st.DataObject) -> None:
    """Where the text with them can be read in one way only."""
    places = _PLACE.findall(text)
    values = [data.draw(_VALUES) for _ in places]
    said = _PLACE.sub(lambda place: values[int(place[1])], text)
    literals = [one for one in _PLACE.split(text)[::2] if one.strip()]
    assume(not any(literal in value for value in values for literal in [*literals, " ", "'"]))
    only = Teller({text: MESSAGES[text]})
    assume(not any(only.tell(value) != value for value in values))
    assume(_unambiguous(text, said, values))
    assert only.tell(said) == _PLACE.sub(lambda place: values[int(place[1])], MESSAGES[text])


def _unambiguous(text: str, said: str, values: list[str]) -> bool:
    """Whether the only way to put ``said`` together of the text's literals is with these values."""
    literals = [re.escape(one) for one in _PLACE.split(text)[::2]]
    shortest = re.fullmatch("(.*?)".join(literals), said, re.DOTALL)
    longest = re.fullmatch("(.*)".join(literals), said, re.DOTALL)
    assert shortest and longest
    return list(shortest.groups()) == list(longest.groups()) == values


@settings(deadline=None)
@given(st.text(max_size=300))
def test_whatever_a_machine_says_can_be_told(text: str) -> None:
    assert isinstance(tell(text), str)


@pytest.mark.parametrize(
    "text",
    [
        "'" + "' is ' has " * 1500,
        "step '" + "' failed: step '" * 900,
        "a; " * 6000,
        "no backup point of '" + "' is possible: disk a: its file is missing: ; " * 300,
    ],
)
def test_texts_made_to_be_slow_are_given_up_soon(text: str) -> None:
    looked_up: list[str] = []

    def word(one: str) -> str:
        looked_up.append(one)
        return one

    Teller(MESSAGES, word).tell(text)
    assert len(looked_up) < 1000


@pytest.mark.parametrize(
    "text", ["", "web", "start", "mount: /dev/vda1 is busy", "lifebuoy account list", "grub>"]
)
def test_what_is_not_of_the_core_stays_as_it_is(text: str) -> None:
    assert tell(text) == (text if text != "start" else "开机")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("'start' has 3 backup points, and may have 3", "“start”已有 3 个备份点，最多可以有 3 个"),
        (
            "step 'stop the instance' failed: 'web' did not shut down within 60 s",
            "步骤“关闭实例”失败：“web”在 60 秒内没有关机",
        ),
        (
            "NOT everything could be put back: stop the instance: 'a' is gone; "
            "switch the definition: RuntimeError",
            "并非所有内容都能恢复原状：关闭实例：“a”已不存在；切换定义：RuntimeError",
        ),
        (
            "no backup point of 'a' is possible: disk vda: its file is missing: /x; "
            "disk vdb: its format is vmdk, points are possible for raw and qcow2",
            "无法为“a”创建备份点：磁盘 vda：其文件丢失：/x；"
            "磁盘 vdb：其格式为 vmdk，只能为 raw and qcow2 创建备份点",
        ),
        (
            "chroot the root, then: reinstall the package of the kernel 6.1.0",
            "chroot 到根文件系统后运行：重新安装内核 6.1.0 的软件包",
        ),
        # one text of the core, and another that is as long with a text of its own in it
        ("the kernel /boot/vmlinuz is cut off", "内核 /boot/vmlinuz 不完整"),
        ("it was RUNNING and is STOPPED; its definition was edited", None),
        ("write /etc/fstab (81 bytes, the old one kept beside it)", None),
    ],
)
def test_texts_within_texts_are_told_too(said: str, told: str | None) -> None:
    found = tell(said)
    assert found == told if told else not re.search("[a-z]{2,} [a-z]{2,}", found), found


def test_refusals_and_the_password_rule_have_no_english_left() -> None:
    for action in Action:
        for state in InstanceState:
            try:
                require(action, state, "web")
            except LifebuoyError as error:
                for text in (error.message, error.hint, error.safe):
                    left = tell(text).replace("web", "").replace("lifebuoy rescue enter", "")
                    assert not re.search("[A-Za-z]", left), left
    with pytest.raises(LifebuoyError) as refused:
        check_password("abc")
    assert not re.search("[A-Za-z]", tell(refused.value.message) + tell(refused.value.hint))


def test_templates_tell_whatever_the_core_says() -> None:
    said = r"message|safe|hint|reason|seen|why|detail|problem|repair\.summary|expected|onward"
    for template in (CATALOGUE.parents[3] / "templates").rglob("*.html"):
        found = re.findall(rf"\{{\{{[^}}]*?\.(?:{said})\b[^.}}]*?\}}\}}", template.read_text())
        for one in found:
            assert "|told" in one or "{{ cell(" in one, f"{template.name}: {one}"


def test_english_pages_have_what_the_core_says() -> None:
    assert teller(Language.ENGLISH).tell("'web' is paused") == "'web' is paused"
