"""A page token goes on with its own query and is worth nothing anywhere else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.ledger.v1 import ledger_service_pb2 as ledger
from weir_chassis.auth import Principal, Role
from weir_chassis.call import Call, acting
from weir_chassis.errors import Malformed, PageTokenInvalid
from weir_chassis.paging import Pages, Position

METHOD = "/weir.ledger.v1.LedgerService/ListLocations"
SHAPE = (str, int)


def page_after(
    pages: Pages, token: str, *, tenant: str = "acme", method: str = METHOD, size: int = 0
) -> Position | None:
    """The position that a request with this token goes on after."""
    request = ledger.ListLocationsRequest(page_size=size, page_token=token)
    with acting(Call(method, Principal(tenant, "someone", Role.READER))):
        return pages.read(request, SHAPE).after


def token_of(pages: Pages, position: Position = ("WH-1", 7), *, tenant: str = "acme") -> str:
    """The token of the page after a position."""
    with acting(Call(METHOD, Principal(tenant, "someone", Role.READER))):
        return pages.read(ledger.ListLocationsRequest(), SHAPE).token(position)


@given(st.text(st.characters(codec="utf-8"), max_size=128), st.integers(-(2**63), 2**63 - 1))
def test_token_round_trip(text: str, number: int) -> None:
    """Whatever position a list stops at, its token goes on after just that."""
    pages = Pages("cluster")
    assert page_after(pages, token_of(pages, (text, number))) == (text, number)


def test_first_page_and_sizes() -> None:
    """No token is the first page; the size may differ from page to page."""
    pages = Pages("cluster")
    assert page_after(pages, "") is None
    assert page_after(pages, token_of(pages), size=5) == ("WH-1", 7)
    for size in (-1, 1001, 10**9):
        with pytest.raises(Malformed):
            page_after(pages, "", size=size)


def test_replicas_share_tokens() -> None:
    """Every replica of a cluster takes the tokens of the others."""
    assert page_after(Pages("cluster", b"secret"), token_of(Pages("cluster", b"secret"))) == ("WH-1", 7)


def test_tokens_are_bound() -> None:
    """A token of another tenant, method, query, cluster, secret or shape is refused."""
    pages = Pages("cluster")
    token = token_of(pages)
    for elsewhere in (Pages("other"), Pages("cluster", b"secret")):
        with pytest.raises(PageTokenInvalid):
            page_after(elsewhere, token)
    with pytest.raises(PageTokenInvalid):
        page_after(pages, token, tenant="other")
    with pytest.raises(PageTokenInvalid):
        page_after(pages, token, method=METHOD + "2")
    for position in (("WH-1",), (7, "WH-1"), ("WH-1", 7, 7), ("WH-1", "7"), ("WH-1", True)):
        with pytest.raises(PageTokenInvalid):
            page_after(pages, token_of(pages, position))
    other = ledger.ListBalancesRequest(page_token=token)
    with acting(Call(METHOD, Principal("acme", "someone", Role.READER))), pytest.raises(PageTokenInvalid):
        pages.read(other, SHAPE)


@pytest.mark.parametrize(
    "forged", ["x", "=", "AAAA", "é", "\x00", "A" * 5000, base64.urlsafe_b64encode(b"x" * 40).decode()]
)
def test_forged_tokens(forged: str) -> None:
    """Anything that is no token of ours is refused, and is no accident."""
    with pytest.raises(PageTokenInvalid):
        page_after(Pages("cluster"), forged)


@given(st.data())
def test_changed_tokens(data: st.DataObject) -> None:
    """A token with any one character changed is refused."""
    pages = Pages("cluster")
    token = token_of(pages)
    index = data.draw(st.integers(0, len(token) - 2))  # the last one may hold bits that mean nothing
    letter = data.draw(st.sampled_from("ABCDEFabcdef0123456789-_").filter(lambda each: each != token[index]))
    with pytest.raises(PageTokenInvalid):
        page_after(pages, token[:index] + letter + token[index + 1 :])
