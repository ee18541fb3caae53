"""What the core says, in the language of a page: errors, findings, reasons. Pure.

The core speaks English, and so do the API and the command line. A text of it is looked up in a
catalogue as it stands, else as what one of the catalogue's templates gives: ``'{0}' is paused``
holds for every name. In a translation ``{0:told}`` is a value that is such a text in its turn, or
several. Where more than one way fits, the one that knows most of the text is taken. What nothing
fits stays as it is: what machines say, names, commands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

from lifebuoy.web.check_words import step
from lifebuoy.web.language import Language, texts, words

_CATALOGUE: Final = "core"
#: A longer text is none of the core's, but what a machine said.
_LONGEST: Final = 20_000
#: Texts within a text that are looked up: what comes from a guest may be made to have very many.
_MOST_LOOKS: Final = 100
_MOST_PARTS: Final = 30
_DEEPEST: Final = 3
_KEY: Final = 3
_PLACE: Final = re.compile(r"\{(\d+)(:told)?\}")
_OF_A_FILE: Final = re.compile(r"\d+ bytes[,;] |a link to /")
#: What the core puts between texts, and what stands there in Chinese.
_BETWEEN: Final = (("; ", "；"), (": ", "："), (", ", "、"))


@dataclass(frozen=True, slots=True)
class Told:
    """A text in the language of the page; ``known`` are the characters of it that were known."""

    known: int
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for values; ``literals`` are what stands before, between and after."""

    literals: tuple[str, ...]
    translation: str

    @property
    def weight(self) -> int:
        """How many characters of a text it knows itself."""
        return sum(map(len, self.literals))

    def values(self, text: str) -> tuple[str, ...] | None:
        """What ``text`` has in the places; None where it is no text of this template.

        Takes a time that grows with the text, not with a power of it: values may be anybody's.
        """
        first, last = self.literals[0], self.literals[-1]
        at, end = len(first), len(text) - len(last)
        if at > end or not (text.startswith(first) and text.endswith(last)):
            return None
        found = []
        for literal in self.literals[1:-1]:
            place = text.find(literal, at, end)
            if place < 0:
                return None
            found.append(text[at:place])
            at = place + len(literal)
        return (*found, text[at:end])


Fitting = tuple[Template, tuple[str, ...]]


class Teller:
    """Tells texts by the messages of a catalogue; ``word`` tells what else is in them: steps."""

    def __init__(self, messages: Mapping[str, str], word: Callable[[str], str] = str) -> None:
        self._messages, self._word = messages, word
        self._templates: dict[tuple[str, str], list[Template]] = {}
        for text, translation in messages.items():
            if _PLACE.search(text):
                made = Template(tuple(_PLACE.split(text)[::3]), translation)
                key = made.literals[0][:_KEY], made.literals[-1][-_KEY:]
                self._templates.setdefault(key, []).append(made)

    def tell(self, text: str) -> str:
        """The text in the catalogue's language, as far as it is known."""
        if not self._messages:
            return text
        return _Telling(self._messages, self._word, self._fitting).whole(text).text

    def same(self, text: str) -> str:
        """The text where it is one of the catalogue as it stands, or begins like what the doctor
        says of a file; else it may be what a machine says, and stays."""
        if _OF_A_FILE.match(text):
            return self.tell(text)
        return text if _PLACE.search(text) else self._messages.get(text, text)

    def _fitting(self, text: str) -> list[Fitting]:
        """The templates that the text may be of, with its values; the most literal ones first."""
        found = []
        heads = dict.fromkeys(text[:length] for length in range(_KEY + 1))
        tails = dict.fromkeys(text[len(text) - length :] for length in range(_KEY + 1))
        for head in heads:
            for tail in tails:
                for template in self._templates.get((head, tail), ()):
                    values = template.values(text)
                    if values is not None:
                        found.append((template, values))
        return sorted(found, key=lambda one: -one[0].weight)


class _Telling:
    """The telling of one text; gives up on what is within it after so many looks."""

    def __init__(
        self,
        messages: Mapping[str, str],
        word: Callable[[str], str],
        fitting: Callable[[str], list[Fitting]],
    ) -> None:
        self._messages, self._word, self._fitting = messages, word, fitting
        self._looks = 0

    def whole(self, text: str) -> Told:
        """The text that is shown, which is one text or several, but no mere word or name."""
        best = self._as_one(text, 0)
        between, written = _BETWEEN[0]
        parts = text.split(between)
        if 1 < len(parts) <= _MOST_PARTS:
            told = [self._as_one(one, 1) for one in parts]
            if all(map(_known, told)):
                best = max(best, _joined(told, written), key=_known)
        return best

    def _as_one(self, text: str, deep: int) -> Told:
        self._looks += 1
        if not 0 < len(text) <= _LONGEST or self._looks > _MOST_LOOKS:
            return Told(0, text)
        same = self._messages.get(text)
        if same is not None:
            return Told(len(text), same)
        best = Told(0, text)
        for template, values in self._fitting(text):
            best = max(best, self._filled(template, values, deep), key=_known)
        return best

    def _filled(self, template: Template, values: tuple[str, ...], deep: int) -> Told:
        known = template.weight

        def fill(place: re.Match[str]) -> str:
            nonlocal known
            value = values[int(place[1])]
            if not place[2] or deep >= _DEEPEST:
                return value
            told = self._within(value, deep + 1)
            known += told.known
            return told.text

        text = _PLACE.sub(fill, template.translation)
        return Told(known, text)

    def _within(self, text: str, deep: int) -> Told:
        """A value that may be a text, a word of ours, or several of them."""
        best = self._as_one(text, deep)
        word = self._word(text) if text else text
        if word != text:
            best = max(best, Told(len(text), word), key=_known)
        if deep < _DEEPEST:
            for between, written in _BETWEEN:
                best = max(best, self._in_parts(text, deep, between, written), key=_known)
        return best

    def _in_parts(self, text: str, deep: int, between: str, written: str) -> Told:
        parts = text.split(between)
        if not 1 < len(parts) <= _MOST_PARTS or self._looks > _MOST_LOOKS:
            return Told(0, text)
        told = [self._within(one, deep + 1) for one in parts]
        return _joined(told, written) if any(map(_known, told)) else Told(0, text)


def _joined(told: Sequence[Told], written: str) -> Told:
    return Told(sum(map(_known, told)), written.join(one.text for one in told))


def _known(told: Told) -> int:
    return told.known


@cache
def teller(language: Language) -> Teller:
    """What tells texts in a language; in English it leaves them as they are."""
    messages = texts(language, _CATALOGUE)
    return Teller(messages, partial(step, words(language).gettext))
