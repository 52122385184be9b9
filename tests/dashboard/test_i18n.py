"""Every word is translated, with the same fields; durations and distances read well."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from dashboard.i18n import LANGUAGES, PLACE_KINDS, REFUSALS, client_words, read_catalogue, words_in
from dashboard.layouts.health_words import REASONS
from dashboard.locale.extract import missing_words, used_words
from dispatch.catalogue import load_catalogue
from dispatch.errors import RuleViolation
from dispatch.model import AssignmentStage, Grade, Stage, Step, UnitKind, UnitStatus
from operations.tracking.datum_watch import WARNING
from operations.tracking.quality import CHECKS

ROOT = Path(__file__).parents[2]
PO = ROOT / "dashboard" / "locale" / "zh_CN" / "LC_MESSAGES" / "liandong.po"


def test_chinese_lacks_no_word() -> None:
    assert len(set(used_words())) > 150
    assert [(language, missing) for language in set(LANGUAGES) - {"en"} for missing in missing_words(language)] == []


def test_no_word_is_translated_twice() -> None:
    """Of two entries for one word the reader silently drops one, whichever was meant for the other place."""
    entries = re.findall(r'^(msgctxt "[^\n]*\n)?msgid ((?:"[^\n]*"\n)+)', PO.read_text(encoding="utf-8"), re.MULTILINE)
    assert [entry for entry, count in Counter(entries).items() if count > 1] == []


def test_translations_keep_the_fields() -> None:
    for message in read_catalogue("zh"):
        if message.id:
            assert set(re.findall(r"{\w+}", str(message.id))) == set(re.findall(r"{\w+}", str(message.string))), message.id


def test_the_catalogue_has_no_word_that_is_not_used() -> None:
    used = set(used_words())
    assert [m.id for m in read_catalogue("zh") if m.id and (m.context, m.id) not in used] == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_state_of_the_domain_has_a_word(language: str) -> None:
    words = words_in(language)
    said = [words.stage(s) for s in (*Stage, *AssignmentStage)] + [words.grade(g) for g in Grade]
    said += [words.status(s) for s in UnitStatus] + [words.kind(k) for k in UnitKind] + [words.step(s) for s in Step]
    assert all(said)
    assert words.stage("en_route") != words.status("en_route") or language == "en"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_thing_of_the_city_that_can_be_found_has_a_word(language: str) -> None:
    kinds = [kind.id for category in load_catalogue().categories for kind in category.elements if kind.source == "city"]
    assert len(kinds) > 10
    said = [words_in(language).place_kind(kind) for kind in (*kinds, "road", "crossing", "place", "poi", "organisation")]
    assert len(set(said)) == len(said), "two kinds have one word"
    assert [kind for kind in kinds if kind not in PLACE_KINDS] == []


def test_every_reason_against_a_unit_is_said_in_the_readers_language() -> None:
    source = (ROOT / "operations" / "situation" / "candidates.py").read_text(encoding="utf-8")
    against = set(re.findall(r'_reason\("(\w+)", False', source))
    assert len(against) > 5
    assert (
        against - set(re.findall(r'^        "(\w+)": ', (ROOT / "dashboard" / "layouts" / "scene.py").read_text(encoding="utf-8"), re.M))
        == set()
    )


def test_every_quality_check_has_a_word_on_the_health_page() -> None:
    assert {check.__name__ for check in CHECKS} | {WARNING} <= set(REASONS)


def rules_of_commands() -> set[str]:
    """Names of the rules by which the domain and the authority refuse, as written in their sources."""
    sources = [
        *ROOT.glob("dispatch/**/*.py"),
        ROOT / "operations" / "access" / "authority.py",
        ROOT / "operations" / "incidents" / "enrich.py",
    ]
    refusal = re.compile(r'\b(?:RuleViolation|NotFound|NotPermitted|Conflict|Unavailable)\(\s*"([a-z-]+)"')
    return {rule for path in sources for rule in refusal.findall(path.read_text(encoding="utf-8"))}


def test_every_refusal_of_a_command_has_a_word() -> None:
    assert len(rules_of_commands()) > 25
    assert rules_of_commands() - set(REFUSALS) == set()


def test_a_refusal_says_the_rule_in_the_readers_language_and_then_the_value() -> None:
    refused = RuleViolation("unit-busy", "Unit A3 is on incident 117; choose another.")
    assert words_in("zh").refusal(refused) == "警力正在处置其他警情 · Unit A3 is on incident 117; choose another."
    assert words_in("en").refusal(refused) == refused.detail
    assert words_in("zh").refusal(RuleViolation("of-tomorrow", "It says why.")) == "It says why."


def test_an_unknown_language_is_english() -> None:
    assert words_in("xx")("Push") == "Push"
    assert client_words("en") == {}
    assert client_words("zh")["Push"] == "派警"


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59.4, "59 s"), (61, "1:01"), (3599, "59:59"), (3600, "1 h 00"), (-3, "0 s")])
def test_durations(seconds: float, said: str) -> None:
    assert words_in("en").duration(seconds) == said


@pytest.mark.parametrize(("metres", "said"), [(None, "–"), (4, "0 m"), (846, "850 m"), (949, "950 m"), (1234, "1.2 km")])
def test_distances(metres: float | None, said: str) -> None:
    assert words_in("zh").distance(metres) == said


def test_names_fall_back_to_the_other_language() -> None:
    assert words_in("zh").pick("宁波", "Ningbo") == "宁波"
    assert words_in("en").pick("宁波", "") == "宁波"
