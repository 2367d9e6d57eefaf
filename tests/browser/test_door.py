"""The first look: signing in, the menu, the keyboard."""

from __future__ import annotations

from tests.support.chromium import Visit


def test_whoever_signs_in_sees_the_menu_of_his_role_in_his_language(visit: Visit) -> None:
    reviewer = visit("reviewer")
    menu = reviewer.page.get_by_role("navigation", name="主菜单")
    assert menu.get_by_role("link", name="审核任务").is_visible()
    assert menu.get_by_role("link", name="注册标识").count() == 0
    reviewer.press("English")
    assert reviewer.page.get_by_role("link", name="Review queue").is_visible()


def test_the_slash_leads_to_the_search_and_a_letter_in_a_field_stays_a_letter(visit: Visit) -> None:
    page = visit().page
    page.keyboard.press("/")
    page.keyboard.type("88.101/")
    assert page.locator("header [name=q]").input_value() == "88.101/"
