"""The documentation as it is served: for programs, and for people."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

from openapi_spec_validator import OpenAPIV31SpecValidator

from functions import openapi
from tests.fakes import fixtures
from tests.fakes.functions import LocalFunctions

functions = fixtures.functions

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """What a browser would build, as far as the tests ask."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.inline: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            match name:
                case "id":
                    self.ids.append(value or "")
                case "href" | "src":
                    self.links.append(value or "")
                case "style":
                    self.inline.append(value or "")
            assert not name.startswith("on")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_document_is_served_without_a_key_and_is_the_published_one(functions: LocalFunctions) -> None:
    answer = functions.client.get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    served = answer.get_json()
    OpenAPIV31SpecValidator(served).validate()
    published = json.loads(openapi.DOCUMENT.read_text(encoding="utf-8"))
    assert served["servers"] == [{"url": functions.services.config.public_url}]
    assert {**served, "servers": published["servers"]} == published


def test_the_document_is_not_sent_again_until_it_changed(functions: LocalFunctions) -> None:
    etag = functions.client.get("/openapi.json").headers["ETag"]
    again = functions.client.get("/openapi.json", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


def test_a_browser_on_any_site_may_read_the_document(functions: LocalFunctions) -> None:
    assert functions.client.get("/openapi.json").headers["Access-Control-Allow-Origin"] == "*"


def test_the_page_loads_nothing_and_runs_nothing(functions: LocalFunctions) -> None:
    answer = functions.client.get("/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    policy = answer.headers["Content-Security-Policy"]
    nonce = re.search(r"style-src 'nonce-([^']+)'", policy)
    assert nonce is not None
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert f'<style nonce="{nonce[1]}">' in answer.text
    page = Page(answer.text)
    assert page.tags & {"script", "img", "iframe", "link", "form"} == set()
    assert page.inline == []
    assert {link for link in page.links if not link.startswith("#")} == {"/openapi.json"}
    assert "prefers-color-scheme: dark" in answer.text


def test_a_nonce_is_used_once(functions: LocalFunctions) -> None:
    policies = {functions.client.get("/docs").headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


def test_every_anchor_leads_somewhere_and_is_one_place(functions: LocalFunctions) -> None:
    page = Page(functions.client.get("/docs").text)
    assert len(set(page.ids)) == len(page.ids)
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= set(page.ids)
    assert page.open == []


def test_every_call_event_object_and_code_is_on_the_page(functions: LocalFunctions) -> None:
    html = functions.client.get("/docs").text
    document = functions.client.get("/openapi.json").get_json()
    ids = set(Page(html).ids)
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["operationId"] in ids
    for item in document["webhooks"].values():
        assert item["post"]["operationId"] in ids
    for name in document["components"]["schemas"]:
        assert f"schema-{name}" in ids
    assert "already_linked" in html


def test_a_server_that_starts_does_not_import_the_contract() -> None:
    probe = (
        "import sys, functions.app; ends = '_contract', '_answers', '.openapi', '.docs_view'; "
        "print([name for name in sys.modules if name.endswith(ends)])"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
