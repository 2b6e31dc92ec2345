"""The page that shows the OpenAPI document, which works without any other host."""

import hashlib
import re
from html.parser import HTMLParser

from fastapi.testclient import TestClient

from functions.api.app import create_app
from tests.unit.functions.api.caller import CheckProblem

# Of the files in swagger-ui-dist 5.34.0 as its makers publish them on npm. Compare anew when the package is renewed:
# the page is given tokens.
PUBLISHED = {
    "swagger-ui-bundle.js": "3f6abf70480db7e07914df4c98a77385f22ea585eaf457a3e6415ba0eae2d167",
    "swagger-ui.css": "c3cfe8248c4b0b89673600fb829924eafbac6de4bc4b2b06f5f5243483074d0a",
}


def page(client: TestClient) -> tuple[str, dict[str, str]]:
    answer = client.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(each.strip().split(" ", 1) for each in answer.headers["content-security-policy"].split(";"))
    return answer.text, policy


class _Addresses(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]
        self._in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.inline.append(data)


def test_all_that_the_page_names_comes_from_the_deployment_itself() -> None:
    client = TestClient(create_app())
    html, _ = page(client)
    named = _Addresses(html).found

    assert len(named) == 4
    for address in named:
        assert "://" not in address
        assert not address.startswith("/")
        assert client.get(f"/{address}").status_code == 200, address
    start = client.get("/docs/start.js").text
    [document] = re.findall(r'url: "([^"]+)"', start)
    assert client.get(f"/{document}").json()["openapi"].startswith("3.1")


def test_the_page_runs_no_other_script_and_calls_no_other_host() -> None:
    html, policy = page(TestClient(create_app()))

    assert _Addresses(html).inline == []
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["connect-src"]) == ("'self'", "'self'")
    assert policy["frame-ancestors"] == "'none'"


def test_a_token_does_not_outlive_the_page() -> None:
    assert "persistAuthorization: false" in TestClient(create_app()).get("/docs/start.js").text


def test_swagger_ui_is_what_its_makers_published() -> None:
    client = TestClient(create_app())
    for name, digest in PUBLISHED.items():
        answer = client.get(f"/docs/{name}", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["cache-control"] == "public, max-age=86400"
        assert hashlib.sha256(answer.content).hexdigest() == digest
        assert answer.content == client.get(f"/docs/{name}", headers={"Accept-Encoding": "identity"}).content


def test_there_is_no_other_file(problem: CheckProblem) -> None:
    client = TestClient(create_app())
    for name in ("swagger-ui.js", "..%2F..%2Fapp.py", "__init__.py"):
        problem(client.get(f"/docs/{name}"), 404, "not_found")
