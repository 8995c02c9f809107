"""How the hosted page says no.

Rule: a person gets a page in their language, a program a problem with the same sentence.
"""

from __future__ import annotations

from flask import Response, request, url_for

from functions.page_content import Badge
from functions.page_language import choose_texts, wishes_of
from functions.page_render import HEADERS, message_response
from functions.page_texts import Message, PageTexts
from functions.problems import Problem


class PageRefusal(Exception):
    """The request ends here: a page for a person, a problem for a program."""

    def __init__(
        self,
        status: int,
        code: str,
        message: Message,
        texts: PageTexts,
        *,
        workspace: str = "",
        badge: Badge = ("chain", "warn"),
    ) -> None:
        super().__init__(code)
        self._status, self._code, self._message, self._texts = status, code, message, texts
        self._workspace, self._badge = workspace, badge

    def response(self) -> Response:
        """For whoever asks."""
        if wants_json():
            text = self._message.text.format(workspace=self._workspace)
            return problem_response(Problem(self._status, self._code, text))
        # The path names the token once; what lies below it has no page of its own to come back to.
        url = url_for("pages.page", **(request.view_args or {}))
        return message_response(
            self._message,
            self._texts,
            self._status,
            url=url,
            workspace=self._workspace,
            badge=self._badge,
        )


def too_often(problem: Problem) -> Response:
    """A refusal made before any route was called: too many requests, of which a person is told, too."""
    if problem.status != 429 or wants_json():
        return problem_response(problem)
    texts = choose_texts(wishes_of(request, None))
    response = message_response(Message(texts.busy, ""), texts, problem.status)
    response.headers.update(problem.headers)
    return response


def problem_response(problem: Problem) -> Response:
    """For a program, with the headers of every page."""
    response = problem.response()
    response.headers.update(HEADERS)
    return response


def wants_json() -> bool:
    """A program asks, not a person."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" or request.path.endswith("/status")
