"""Routes of the hosted page.

Rule: the token in the address opens a link, and a cookie keeps it with the browser that opened it first;
another one keeps the language. A GET starts nothing; a form counts only when it was sent from this page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request, url_for

from functions.audit_trail import tell_of_binding
from functions.browser_binding import COOKIE, COOKIE_LIFE, BrowserBinding
from functions.core_services import CoreServices
from functions.embedding import allow_embedding, embed_facts, remember_link
from functions.form_origin import sent_from_here
from functions.link_view import OFFERS_WAY_BACK, Screen, Way, view_of
from functions.page_content import ENDING_DIGITS, isolated, web_address
from functions.page_cookies import set_page_cookie
from functions.page_language import choose_texts, chosen, remember, wishes_of
from functions.page_refusal import PageRefusal, problem_response, too_often, wants_json
from functions.page_render import (
    HEADERS,
    TEMPLATE_FOLDER,
    FormState,
    LinkPage,
    card_response,
    prefetch_response,
    svg_response,
)
from functions.page_texts import PageTexts
from functions.phone_field import FieldWrong, likely_country, read_phone
from functions.poll_pace import PollPace
from functions.problems import Problem, problem_of
from functions.return_result import return_address
from functions.theme import theme_of
from functions.visitors import Visitor, is_phone, visitor_of
from storage.errors import Conflict, PoolRefused, PoolUnreachable
from storage.paintings import Painting
from storage.same_account import same_account
from storage.sessions import Session

if TYPE_CHECKING:
    from functions.sessions import Sessions  # with all that calls to nodes need

POLL_AFTER = "Poll-After-Ms"
"""When the page should look again; `poll_after_ms` in the body is the same while the server is not busy."""

PAINTED = "painted"
"""In a poll: what the page has painted since the one before. It asks nothing more for that."""

Act = Callable[[Session, PageTexts], object]


def pages_blueprint(services: CoreServices, sessions: Sessions | None) -> Blueprint:
    """GET /link/{token}, what it polls, and, where there are `sessions`, what it posts."""
    blueprint = Blueprint("pages", __name__, url_prefix="/link", template_folder=str(TEMPLATE_FOLDER))
    routes = _Routes(services, sessions)
    blueprint.add_url_rule("/<token>", "page", routes.page)
    blueprint.add_url_rule("/<token>/status", "status", routes.status)
    blueprint.add_url_rule("/<token>/qr.svg", "qr", routes.qr)
    blueprint.add_url_rule("/<token>/return", "go_back", routes.go_back)
    if sessions is not None:
        blueprint.add_url_rule("/<token>/start", "start", routes.start, methods=["POST"])
        blueprint.add_url_rule("/<token>/refresh", "refresh", routes.refresh, methods=["POST"])
        blueprint.add_url_rule("/<token>/pairing-code", "pairing", routes.pairing_code, methods=["POST"])
    blueprint.after_request(allow_embedding(services))
    blueprint.register_error_handler(PageRefusal, lambda refusal: refusal.response())
    blueprint.register_error_handler(Problem, too_often)
    return blueprint


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: CoreServices, sessions: Sessions | None) -> None:
        self._services = services
        self._asked_of = sessions
        self._pace = PollPace(services.clock)
        self._binding = BrowserBinding(
            services.registry,
            secret_key=services.config.secret_key,
            on_binding=lambda session: tell_of_binding(services, session),
        )

    def page(self, token: str) -> Response:
        visitor = visitor_of(request.method, request.headers)
        if visitor is Visitor.PREFETCH:
            return prefetch_response()
        if visitor is Visitor.PREVIEWER:
            session, texts = self._find_for_anybody(token)
            return card_response(texts, self._workspace(session))
        session, texts = self._find(token)
        page = self._page(token, session, texts)
        response = page.html(FormState(country=likely_country(_locales(session))))
        if session.link_browser_sha256 is None:
            self._hand_out_cookie(response, session, page.url)
        if (language := chosen(request)) is not None:
            workspace = self._services.workspaces.get(session.workspace_id)
            remember(response, language, workspace=workspace, public_url=self._services.config.public_url)
        return response

    def status(self, token: str) -> Response:
        session, texts = self._find(token)
        if (said := request.args.get(PAINTED)) is not None:
            self._note_painting(session, said)
        page = self._page(token, session, texts)
        if request.if_none_match.contains_weak(page.etag):
            response = Response(status=304, headers={**HEADERS, "ETag": f'"{page.etag}"'})
        else:
            response = page.status()
        wait = self._pace.after(page.view.poll_after)
        response.headers[POLL_AFTER] = str(round(wait / timedelta(milliseconds=1)))
        return response

    def _note_painting(self, session: Session, said: str) -> None:
        """Of the browser that has the link. Nonsense is passed over: the poll is answered all the same."""
        painting = Painting.read(said)
        if painting is None or session.link_browser_sha256 is None:
            return
        waited = self._services.paintings.note(session, painting)
        if waited is not None:
            self._services.metrics.painted(painting.what, waited.total_seconds())

    def qr(self, token: str) -> Response:
        session, _ = self._find(token)
        view = view_of(session, self._services.clock.now())
        if view.screen is not Screen.SCAN or session.qr_text is None:
            return problem_response(
                Problem(409, "no_qr", "no QR is on display; the status says when to look again")
            )
        return svg_response(session.qr_text)

    def go_back(self, token: str) -> Response:
        """To the backend, with the result as it stands at this moment."""
        session, texts = self._find(token)
        page, url = self._page(token, session, texts), web_address(session.return_url)
        if url is None or page.view.screen not in OFFERS_WAY_BACK:
            return Response(status=303, headers={**HEADERS, "Location": page.url})
        secrets = self._services.workspaces.signing_secrets(session.workspace_id)
        address = return_address(url, session, secrets, self._services.clock.now())
        return Response(status=303, headers={**HEADERS, "Location": address})

    def start(self, token: str) -> Response:
        def begin(session: Session, texts: PageTexts) -> None:
            if session.linked:
                raise Conflict(f"session {session.id} is linked", code="already_linked")
            self._sessions.start(session)

        return self._act(token, begin)

    def refresh(self, token: str) -> Response:
        return self._act(token, lambda session, texts: self._sessions.refresh_qr(session))

    def pairing_code(self, token: str) -> Response:
        typed, country = _typed("phone_number"), _typed("country")

        def ask(session: Session, texts: PageTexts) -> None:
            phone_number = read_phone(typed, texts, country)
            expected = session.expected_phone
            if expected is not None and not same_account(expected, phone_number):
                names = (
                    isolated(self._workspace(session), texts),
                    isolated(expected[-ENDING_DIGITS:], texts),
                )
                raise FieldWrong(texts.phone_not_expected.format(workspace=names[0], ending=names[1]))
            self._sessions.request_pairing_code(session, phone_number)

        return self._act(token, ask, FormState(open=True, typed=typed, country=country))

    @property
    def _sessions(self) -> Sessions:
        assert self._asked_of is not None  # or there would be no such route
        return self._asked_of

    def _act(self, token: str, act: Act, form: FormState | None = None) -> Response:
        """Do what a form asks for, and go back to the page; what could not be done is said there."""
        session, texts = self._find(token)
        if not sent_from_here(self._services.config.public_url):
            raise PageRefusal(403, "foreign_form", texts.foreign_form, texts)
        page = self._page(token, session, texts)
        try:
            act(session, texts)
        except FieldWrong as wrong:
            if wants_json():
                return problem_response(Problem(422, "invalid_phone", str(wrong)))
            return page.html(replace(form or FormState(), error=str(wrong)), status=422)
        except (Conflict, PoolRefused, PoolUnreachable) as refusal:
            problem = problem_of(refusal)
            if wants_json():
                return problem_response(problem)
            if problem.code != "already_linked":
                return page.html(FormState(), notice=texts.busy, status=problem.status)
        if wants_json():
            session, texts = self._find(token)
            return self._page(token, session, texts).status()
        return Response(status=303, headers={**HEADERS, "Location": page.url + page.query})

    def _find(self, token: str) -> tuple[Session, PageTexts]:
        """The session behind the address, for the browser that it belongs to. Raises PageRefusal."""
        session, texts = self._find_for_anybody(token)
        if not self._binding.admits(session, self._cookie(session)):
            workspace = self._workspace(session)
            raise PageRefusal(403, "other_browser", texts.other_browser, texts, workspace=workspace)
        return session, texts

    def _find_for_anybody(self, token: str) -> tuple[Session, PageTexts]:
        """The session behind the address, and the reader's language. Raises PageRefusal."""
        session = self._services.links.find(token)
        texts = choose_texts(wishes_of(request, session.locale if session else None))
        if session is None:
            raise PageRefusal(404, "link_unknown", texts.unknown_link, texts)
        remember_link(session)
        if session.link_revoked_at is not None:
            workspace = self._workspace(session)
            raise PageRefusal(410, "link_revoked", texts.revoked_link, texts, workspace=workspace)
        if self._services.links.expired(session):
            if session.linked:
                raise PageRefusal(410, "link_expired", texts.finished_link, texts, badge=("tick", "good"))
            raise PageRefusal(410, "link_expired", texts.expired_link, texts)
        return session, texts

    def _page(self, token: str, session: Session, texts: PageTexts) -> LinkPage:
        workspace = self._services.workspaces.get(session.workspace_id)
        way = _WAYS.get(request.args.get("by", ""))
        return LinkPage(
            view=view_of(session, self._services.clock.now(), way, on_phone=is_phone(request.headers)),
            texts=texts,
            workspace=workspace.name,
            url=url_for("pages.page", token=token),
            theme=theme_of(workspace),
            embed=embed_facts(workspace, session),
            chosen=chosen(request),
            way=way,
        )

    def _workspace(self, session: Session) -> str:
        return self._services.workspaces.get(session.workspace_id).name

    def _cookie(self, session: Session) -> str | None:
        return self._binding.ours(session, request.cookies.getlist(COOKIE))

    def _hand_out_cookie(self, response: Response, session: Session, path: str) -> None:
        """A browser that has one already keeps it, or two tabs would take the link from each other."""
        if self._cookie(session) is not None:
            return
        set_page_cookie(
            response,
            COOKIE,
            self._binding.new_cookie(session),
            workspace=self._services.workspaces.get(session.workspace_id),
            public_url=self._services.config.public_url,
            path=path,
            max_age=COOKIE_LIFE,
        )


def _locales(session: Session) -> list[str | None]:
    return [session.locale, *request.accept_languages.values()]


_WAYS = {way.value: way for way in Way}


def _typed(name: str) -> str:
    if request.is_json:
        body = request.get_json(silent=True)
        value = body.get(name) if isinstance(body, dict) else None
        return value if isinstance(value, str) else ""
    return request.form.get(name, "")
