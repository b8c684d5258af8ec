"""Answers that are late, or pass each other on their way to the page."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_an_answer_whose_request_is_confirmed_late_does_not_come_last(visitor) -> None:
    """The third key's answer is there before the reply that names it; the fourth key's answer comes meanwhile."""
    page, held = visitor.page, []

    def hold(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))  # the server works on it; the page has no reply yet

    row, column = visitor.patch()
    page.route("**/queue/join*", hold)
    page.locator("#picture-photo [data-pick]").press("ArrowLeft")
    visitor.wait_for(lambda: held)
    with page.expect_response("**/queue/join*"):
        page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(1500)  # both answers reach the browser; longer would change nothing
    route, reply = held[0]
    route.fulfill(response=reply)
    visitor.wait_for_patch((row, column - 2))
    visitor.rest()
    assert visitor.patch() == (row, column - 2)
