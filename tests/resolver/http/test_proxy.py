"""``/{prefix}/{suffix}``: record, page or redirect, by what the client wants and the template says."""

from __future__ import annotations

from yarl import URL

from tests.support.shelf import PUMP, PUMP_VALUES, Front, Shelf, values

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PROGRAM = {"Accept": "application/json"}


async def test_a_program_gets_the_record(front: Front, pump: str) -> None:
    async with (
        front.session.get(f"/{pump}", headers=PROGRAM) as answer,
        front.session.get(f"/api/handles/{pump}") as api,
    ):
        assert answer.status == 200
        assert await answer.json() == await api.json()
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert answer.headers["Vary"] == "Accept, Accept-Language"


async def test_a_browser_gets_the_page(front: Front, pump: str) -> None:
    async with front.session.get(f"/{pump}", headers=BROWSER) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html;charset=utf-8"
        assert "多级离心泵" in await answer.text()


async def test_anybody_else_is_led_to_the_first_web_address(front: Front, pump: str) -> None:
    async with front.session.get(f"/{pump}", allow_redirects=False) as answer:
        assert answer.status == 302
        assert answer.headers["Location"] == "https://pumps.example/p1"
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert answer.headers["Vary"] == "Accept, Accept-Language"


async def test_without_a_web_address_anybody_gets_the_record(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", values((1, "URL", "javascript:alert(1)"), (2, "DESC", "x")))
    async with front.session.get("/88.101.1/A", allow_redirects=False) as answer:
        assert answer.status == 200
        assert (await answer.json())["responseCode"] == 1


async def test_a_template_may_send_browsers_to_the_product_s_own_site(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    template_id = await shelf.template({**PUMP, "landing": "redirect"})
    await shelf.register("88.101.1/A", PUMP_VALUES, template_id)
    await shelf.register("88.101.1/B", values((2000, "NAME", "无网址")), template_id)
    async with front.session.get("/88.101.1/A", headers=BROWSER, allow_redirects=False) as answer:
        assert answer.status == 302
        assert answer.headers["Location"] == "https://pumps.example/p1"
    async with front.session.get("/88.101.1/B", headers=BROWSER, allow_redirects=False) as answer:
        assert answer.status == 200
        assert "无网址" in await answer.text()
    async with front.session.get("/88.101.1/A", headers=PROGRAM, allow_redirects=False) as answer:
        assert answer.status == 200


async def test_the_slash_may_be_an_escape(front: Front, pump: str) -> None:
    address = URL("/88.101.1%2FPump-001", encoded=True)
    async with front.session.get(address, headers=PROGRAM) as answer:
        assert (await answer.json())["responseCode"] == 1


async def test_head_is_get_without_the_body(front: Front, pump: str) -> None:
    for headers in (BROWSER, PROGRAM, {}):
        async with (
            front.session.get(f"/{pump}", headers=headers, allow_redirects=False) as got,
            front.session.head(f"/{pump}", headers=headers, allow_redirects=False) as head,
        ):
            assert head.status == got.status
            assert head.headers.get("Location") == got.headers.get("Location")
            assert head.headers.get("ETag") == got.headers.get("ETag")


async def test_page_and_record_have_different_tags(front: Front, pump: str) -> None:
    tags = set()
    for headers in (BROWSER, PROGRAM, {**BROWSER, "Accept-Language": "en"}):
        async with front.session.get(f"/{pump}", headers=headers) as answer:
            tag = answer.headers["ETag"]
            tags.add(tag)
        async with front.session.get(f"/{pump}", headers={**headers, "If-None-Match": tag}) as answer:
            assert answer.status == 304
    assert len(tags) == 3


async def test_refusals_for_programs_have_their_codes(front: Front, pump: str) -> None:
    refused = [
        ("88.101.1/none", 404, 100),
        ("88.999.1/x", 400, 301),
        ("88.101.1/", 400, 102),
        ("88.1_1/x", 400, 102),
        ("99.1/x", 400, 301),
        ("favicon.ico/x", 400, 301),
    ]
    for path, status, code in refused:
        for headers in (PROGRAM, {}):
            async with front.session.get(f"/{path}", headers=headers) as answer:
                assert answer.status == status
                assert (await answer.json())["responseCode"] == code
                assert answer.headers["Cache-Control"] == "no-store"


async def test_other_addresses_are_not_ours(front: Front) -> None:
    for path in ("/nothing/here", "/v2/88.1", "/88/x", "/88.101.1", "/", "/88.101.1%2"):
        async with front.session.get(URL(path, encoded=True)) as answer:
            assert answer.status == 404
            assert (await answer.json())["code"] == "no_such_path"
