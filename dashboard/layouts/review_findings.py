"""Of a review: findings, signatures, comments, and the forms to write them. HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import msgspec

from dashboard.layouts.plain_page import in_address
from dashboard.layouts.review_facts import ReviewFacts, nothing, section
from dispatch.model import FindingKind
from dispatch.rules.guards import MAX_TEXT
from operations.records.after_action import Finding, Remark, Signature


def findings(view: ReviewFacts) -> str:
    """What was found out, revision by revision, who signed it, and what others remarked."""
    words, review = view.words, view.review
    shown = "".join(_finding(view, one) for one in review.findings)
    body = f'<ol class="findings">{shown}</ol>' if shown else nothing(words("No finding has been written yet."))
    body += "".join(_signature(view, one) for one in review.signatures)
    body += "".join(_revision(view, one) for one in review.revisions)
    body += _comments(view)
    note = words("Nothing is overwritten: what another finding takes the place of stays on record.")
    return section(words("Findings and signature"), note, body, "conclusions")


def _finding(view: ReviewFacts, one: Finding) -> str:
    words = view.words
    gone = words("another took its place") if one.replaced_by else ""
    told = " · ".join(filter(None, (one.by, view.whole(one.at), words("revision {n}", n=one.revision), gone)))
    look = "replaced" if one.replaced_by else one.kind
    said = f"<b>{escape(words.finding(one.kind))}</b> <span>{escape(one.text)}</span>"
    return f'<li class="{look}"><p>{said}</p><p class="muted">{escape(told)}</p></li>'


def _signature(view: ReviewFacts, one: Signature) -> str:
    words = view.words
    said = words(
        "Revision {n} signed by {name} ({account}), {time}", n=one.revision, name=one.name, account=one.by, time=view.whole(one.at)
    )
    what = words("{n} findings, the incident as of version {v}", n=len(one.findings), v=one.at_version)
    return f'<p class="signature"><b>✓ {escape(said)}</b> <span class="muted">{escape(what)} · <code>{escape(one.hash)}</code></span></p>'


def _revision(view: ReviewFacts, one: Remark) -> str:
    words = view.words
    said = words("Revision {n} begun by {account}, {time}: {text}", n=one.revision, account=one.by, time=view.whole(one.at), text=one.text)
    return f'<p class="revision">{escape(said)}</p>'


def _comments(view: ReviewFacts) -> str:
    words, comments = view.words, view.review.comments
    if not comments:
        return ""
    shown = "".join(
        f'<li><p>{escape(one.text)}</p><p class="muted">{escape(f"{one.by} · {view.whole(one.at)}")}</p></li>' for one in comments
    )
    title = words("Comments")
    return f'<h3>{escape(title)}</h3><ol class="comments">{shown}</ol>'


def standing_words(view: ReviewFacts) -> str:
    """How far the review is, in one line."""
    words, state = view.words, view.review.after_action
    if state.signed_by and view.review.signatures:
        last, since = view.review.signatures[-1], len(view.review.since_signed)
        said = words("Signed by {name}, {time}", name=last.name, time=view.whole(last.at))
        return said + words("; the record has changed since: {n} events", n=since) if since else said
    holding = len(view.review.holding)
    if state.revision > 1:
        return words("Taken up again: revision {n} is not signed", n=state.revision)
    return words("Not signed; {n} findings", n=holding) if holding else words("Not reviewed yet")


# Forms ----------------------------------------------------------------------------------------------------------------------


class Refused(msgspec.Struct, frozen=True):
    """A form that was not carried out: why, and its fields as they were sent."""

    why: str
    fields: Mapping[str, str]


def forms(view: ReviewFacts, may: frozenset[str], key: str, refused: Refused | None) -> str:
    """What the reader may add; `key` makes each form count once. What was typed into one that was `refused` stands there again."""
    words, review = view.words, view.review
    signed = bool(review.after_action.signed_by)
    sent = {} if refused is None else refused.fields

    def typed(do: str) -> Mapping[str, str]:
        return sent if sent.get("do") == do else {}

    parts = {}
    if "add_finding" in may and not signed:
        parts["add_finding"] = _finding_form(view, key, typed("add_finding"))
    if "comment" in may:
        hint = words("For reviewers and desks; crews are not told.")
        parts["comment"] = _text_form(view, "comment", words("Comment"), hint, key, typed("comment"))
    if "sign_after_action" in may and not signed and not review.incident.is_open and review.holding:
        parts["sign_after_action"] = _sign_form(view, key, typed("sign_after_action"))
    if "revise_after_action" in may and signed:
        why = words("Why it is taken up again")
        parts["revise_after_action"] = _text_form(
            view, "revise_after_action", words("Take it up again"), why, key, typed("revise_after_action")
        )
    said = "" if refused is None else f'<p class="error" role="alert">{escape(refused.why)}</p>'
    if sent.get("text") and sent.get("do") not in parts:  # its form is gone, by a signature that came first, say
        said += f"<blockquote>{escape(sent['text'])}</blockquote>"
    return f'{said}<div class="forms">{"".join(parts.values())}</div>' if parts or said else ""


def _finding_form(view: ReviewFacts, key: str, typed: Mapping[str, str]) -> str:
    words = view.words
    kinds = "".join(_option(kind, words.finding(kind), typed.get("kind")) for kind in FindingKind)
    holding = view.review.holding
    instead = ""
    if holding:
        options = "".join(_option(one.finding_id, one.text[:60], typed.get("replaces")) for one in holding)
        label = words("in the place of")
        instead = f'<label>{escape(label)}<select name="replaces"><option value="">–</option>{options}</select></label>'
    kind, what = words("Kind"), words("What was found")
    fields = f'<label>{escape(kind)}<select name="kind">{kinds}</select></label>{instead}{_area(what, typed)}'
    return _form(view, "add_finding", words("Add finding"), fields, key)


def _option(value: str, label: str, chosen: str | None) -> str:
    return f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(label)}</option>'


def _sign_form(view: ReviewFacts, key: str, typed: Mapping[str, str]) -> str:
    words = view.words
    label, value = words("Name"), escape(typed.get("name", ""))
    name = f'<label>{escape(label)}<input name="name" value="{value}" required maxlength="100" autocomplete="name"></label>'
    hint = words("Signs {n} findings and the incident as shown; afterwards it takes a new revision to add any.", n=len(view.review.holding))
    version = f'<input type="hidden" name="version" value="{view.review.incident.version}">'
    return _form(view, "sign_after_action", words("Sign"), f'{name}{version}<p class="muted">{escape(hint)}</p>', key, "primary")


def _text_form(view: ReviewFacts, do: str, label: str, hint: str, key: str, typed: Mapping[str, str]) -> str:
    return _form(view, do, label, _area(hint, typed), key)


def _area(hint: str, typed: Mapping[str, str]) -> str:
    said, text = escape(hint), escape(typed.get("text", ""))
    return f'<textarea name="text" required maxlength="{MAX_TEXT}" rows="3" aria-label="{said}" placeholder="{said}">{text}</textarea>'


def _form(view: ReviewFacts, do: str, label: str, fields: str, key: str, look: str = "") -> str:
    address = f"/review/{in_address(view.review.incident.incident_id)}"
    hidden = f'<input type="hidden" name="do" value="{do}"><input type="hidden" name="key" value="{escape(key)}-{do}">'
    button = f'<button type="submit" class="{look}">{escape(label)}</button>'
    return f'<form method="post" action="{escape(address)}">{hidden}{fields}{button}</form>'
