"""The status page, in a real browser."""

import importlib.resources
import shutil

import pytest
from scripted_server import ScriptedServer, answer, fleet_script, instance_answer

needs_a_browser = pytest.mark.skipif(
    not shutil.which("chromium"), reason="needs chromium (Debian: chromium)"
)
silent = answer(500, {})
HOSTILE = (
    "service-escapes@1/7",
    "service-formula@1/5",
    "service-surrogate@1/11",
    "service-shell@1/13",
    "service-long@1/17",
)
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}


@pytest.fixture
def browser():
    from browser import Browser

    started = Browser()
    yield started
    started.close()


def axe(browser):
    """What axe-core has against the page."""
    browser.ask(importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text())
    found = browser.ask("axe.run()")
    return [
        (each["id"], node["html"][:200]) for each in found["violations"] for node in each["nodes"]
    ]


class TestThePage:
    def test_has_the_services_those_at_risk_first_and_why(self, exporter, simulator):
        url = simulator("--fault=load-95@AuthService", "--fault=load-50", "--instances=30")
        page = exporter(url).get("/")

        text = page.content.decode()
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "10 services, 1 at risk" in text
        assert "30 instances: 27 healthy, 3 unhealthy, 0 unknown" in text
        assert text.index(">AuthService<") < text.index(">GeoService<")
        assert "no healthy instance; unhealthy: 10.58.1.2 (CPU 95%, memory 95%)" in text

    def test_has_a_hundred_instances_of_a_service_a_page_the_unhealthy_first(
        self, exporter, simulator
    ):
        url = simulator(
            *("--instances=1500", "--behaviour=fleet"),
            *("--fault=load-95@10.58.1.12", "--fault=load-50"),
        )
        running = exporter(url)
        pages = [running.text(f"/services/AuthService?page={page}") for page in (1, 2, 3, "x")]

        assert [page.count('<tr id="row-') for page in pages] == [100, 50, 50, 100]
        assert "page 2 of 2" in pages[1]
        first = pages[0].split('<tr id="row-')[1]
        assert ">10.58.1.12" in first
        assert "unhealthy" in first

    def test_of_a_service_in_doubt_says_so_as_all_do(self, exporter, serve):
        url = serve(
            fleet_script(
                _1=instance_answer("Auth"), _2=instance_answer("Auth", cpu="95%"), _3=silent
            )
        ).url
        running = exporter(url)

        assert "1 service, 1 possibly at risk" in running.text("/")
        text = running.text("/services/Auth")
        assert '<h1 id="headline" class="doubt">Auth: 1 of 2 healthy</h1>' in text
        assert "1 unknown instance may be of this service" in text
        nameless = running.text("/services/")
        assert "1 instance of no known service" in nameless
        assert "answered 500" in nameless

    def test_of_no_service_says_so(self, exporter, simulator):
        page = exporter(simulator()).get("/services/%3Cscript%3E")

        assert page.status == 404
        assert b"No service is called &lt;script&gt;." in page.content

    def test_says_that_there_is_no_list(self, exporter, closed_port_url):
        text = exporter(closed_port_url).text("/")

        assert "There is no list of servers yet" in text
        assert "connection refused" in text

    def test_says_how_old_the_list_is_where_that_is_the_last_one(self, exporter):
        with ScriptedServer(fleet_script(_1=instance_answer())) as server:
            running = exporter(server.url, "--list-age=0")
            running.get("/")
        text = running.text("/")

        assert "The list of servers is the last one that could be had, 0 s old" in text
        assert "0 of 1" in text

    def test_allows_nothing_but_its_own_style_and_script(self, exporter, simulator):
        policy = exporter(simulator()).get("/").headers["Content-Security-Policy"]

        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy

    def test_of_a_large_fleet_is_small(self, exporter, simulator):
        running = exporter(simulator("--instances=20000", "--behaviour=fleet"))

        assert len(running.get("/").content) < 100_000
        assert len(running.get("/services/AuthService").content) < 100_000


@needs_a_browser
class TestInABrowser:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_is_accessible_and_fits_with_whatever_names(
        self, browser, exporter, simulator, size, scheme
    ):
        url = simulator(
            *("--behaviour=fleet", "--instances=200"), *(f"--fault={each}" for each in HOSTILE)
        )
        running = exporter(url)
        browser.be(*SIZES[size], scheme)
        for path in ("/", "/services/AuthService", "/services/nope"):
            browser.open(running.url + path)

            assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
            assert axe(browser) == []
        allowed = running.url
        assert {each for each in browser.requests if not each.startswith(allowed)} <= {
            "about:blank"
        }
        assert [
            each for each in browser.complaints if "favicon" not in each and "404" not in each
        ] == []

    def test_is_accessible_with_the_api_down_and_with_ten_thousand_instances(
        self, browser, exporter, simulator, closed_port_url
    ):
        browser.open(exporter(closed_port_url).url)
        assert "There is no list of servers yet" in browser.ask("document.body.innerText")
        assert axe(browser) == []

        large = exporter(simulator("--behaviour=fleet", "--instances=10000"))
        browser.open(large.url)
        assert "10000 instances" in browser.ask("document.body.innerText")
        browser.open(f"{large.url}/services/AuthService?page=10")
        assert "page 10 of 10" in browser.ask("document.body.innerText")
        assert axe(browser) == []

    def test_leads_to_a_service_and_back_by_keyboard(self, browser, exporter, simulator):
        browser.open(exporter(simulator("--fault=load-50")).url)
        browser.ask("document.querySelector('tbody a').focus()")
        for key in ("keyDown", "keyUp"):
            browser.call(
                "Input.dispatchKeyEvent", type=key, key="Enter", code="Enter", text="\r",
                windowsVirtualKeyCode=13,
            )  # fmt: skip
        browser.until("location.pathname.startsWith('/services/')")
        browser.until("document.querySelectorAll('tbody tr').length === 15")

    def test_is_whole_without_scripts(self, browser, exporter, simulator):
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        browser.open(exporter(simulator("--fault=load-50")).url)
        found = browser.call("DOM.getDocument", depth=-1)
        html = browser.call("DOM.getOuterHTML", nodeId=found["root"]["nodeId"])["outerHTML"]

        assert html.count('<tr id="row-') == 10
        assert '<meta http-equiv="refresh"' in html

    def test_refreshes_without_losing_its_place(self, browser, exporter, serve):
        loads = dict.fromkeys(range(1, 61), "10%")

        def instance(n):
            def behave(connection, stopped):
                instance_answer(f"Service{n:02}", cpu=loads[n])(connection, stopped)

            return behave

        server = serve(fleet_script(**{f"_{n}": instance(n) for n in loads}))
        running = exporter(server.url)
        browser.be(*SIZES["desktop"])
        browser.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="const slow = setTimeout; window.setTimeout = (f, ms) => slow(f, ms / 100)",
        )
        browser.open(running.url)
        browser.ask("scrollTo(0, 700)")
        browser.ask("document.querySelectorAll('tbody a')[30].focus()")
        place = "document.activeElement.textContent + ' at ' + scrollY"
        before = browser.ask(place)
        loads[31] = "77%"
        browser.until("document.body.innerText.includes('77 %')")

        assert browser.ask(place) == before
        assert before.startswith("Service31 at ")

    def test_shows_that_it_is_not_refreshed_any_more(self, browser, exporter, simulator):
        running = exporter(simulator())
        browser.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="const slow = setTimeout; window.setTimeout = (f, ms) => slow(f, ms / 100)",
        )
        browser.open(running.url)
        running.process.kill()

        browser.until("!!document.querySelector('#age.failed')")
        assert "the exporter does not answer" in browser.ask("document.body.innerText")
        assert axe(browser) == []
