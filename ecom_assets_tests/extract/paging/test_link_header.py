"""The Link header in the forms of RFC 8288."""

from __future__ import annotations

import pytest

from ecom_assets.extract.paging.link_header import link_target

NEXT = "/things?page=2"


@pytest.mark.parametrize(
    "header",
    [
        f'<{NEXT}>; rel="next"',
        f"<{NEXT}>; rel=next",
        f"<{NEXT}>;rel=next",
        f'<{NEXT}>; rel="next last"',
        f'<{NEXT}>; rel="prefetch  next"',
        f'<{NEXT}>; rel="Next"',
        f"<{NEXT}>; REL=NEXT",
        f'<{NEXT}>; rel = "next"',
        f'< {NEXT} >; rel="next"',
        f"<{NEXT}>; rel='next'",
        f"<{NEXT}>; title='a; rel=prev'; rel = 'last next' , </things?page=1>; rel='first'",
        f"<{NEXT}>; title=it's; rel=next; author='",
        f'</things?page=1>; rel="first", <{NEXT}>; rel="next", </things?page=9>; rel=last',
        f'</things?page=1>; rel="prev",<{NEXT}>; rel="next"',
        f'<{NEXT}>; title="a; b, <c>; rel=\\"x\\""; rel="next"',
        f'<{NEXT}>; title="no rel=prev here"; rel="next"; rel="prev"',
        f"<{NEXT}>; rel=next; title*=UTF-8''n%c3%a4chste; crossorigin",
        f", , <{NEXT}>; ; rel=next,",
        f'nonsense, <{NEXT}>; rel="next"',
        f'<{NEXT}>; rel="next"; anchor="https://api.example.com/things?page=1#top"',
        f'<other>; rel="next"; anchor="/elsewhere", <{NEXT}>; rel=next',
        f'<{NEXT}>; rel="https://example.com/rel/x next"',
    ],
)
def test_the_next_link_is_found(header: str) -> None:
    assert link_target(header, "next", "https://api.example.com/things?page=1") == NEXT


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "<unclosed; rel=next",
        "</a>",
        "</a>; rel=prev; rel=next",
        "</a>; rel=nextpage",
        "</a>; rev=next",
        '</a>; title="; rel=next"',
        '</a>; rel="prev"; title="next"',
        "</a>; rel=next; anchor=/elsewhere",
    ],
)
def test_another_link_is_not(header: str) -> None:
    assert link_target(header, "next", "https://api.example.com/things?page=1") is None


def test_another_relation_and_a_comma_in_the_address() -> None:
    header = '</a?ids=1,2;3>; rel=next, </b>; rel="older-posts"'
    assert link_target(header, "next", "https://api.example.com/") == "/a?ids=1,2;3"
    assert link_target(header, "Older-Posts", "https://api.example.com/") == "/b"
