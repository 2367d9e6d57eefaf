"""10320/loc: which place is chosen for whom, and that no XML does more than name places."""

from __future__ import annotations

from collections import Counter
from random import Random
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.http.locations import InvalidLocations, Location, Visitor, choose, read_locations

OVERVIEW = b"""
<locations>
  <location id="0" href="http://uk.example.com/" country="gb" weight="0" />
  <location id="1" href="http://www1.example.com/" weight="1" />
  <location id="2" href="http://www2.example.com/" weight="1" />
</locations>
"""


def drawn(data: bytes, visitor: Visitor, draws: int = 200) -> Counter[str]:
    """How often each place is chosen, by id."""
    read = read_locations(data)
    chance = Random(20_320).random
    found: Counter[str] = Counter()
    for _ in range(draws):
        chosen = choose(read.places, read.choose_by, visitor, chance)
        assert chosen is not None
        found[chosen.place.attributes["id"]] += 1
        assert chosen.by_chance or len(found) == 1
    return found


@pytest.mark.parametrize(
    ("visitor", "chosen"),
    [
        (Visitor(country="gb"), {"0"}),
        (Visitor(country="GB"), {"0"}),
        (Visitor(country="fr"), {"1", "2"}),
        (Visitor(), {"1", "2"}),
        (Visitor((("id", "1"),)), {"1"}),
        (Visitor((("id", "0"),)), {"0"}),
        (Visitor((("country", "gb"),)), {"0"}),
        (Visitor((("country", "us"),), "us"), {"1", "2"}),
        (Visitor((("country", None),), "us"), {"0"}),
        (Visitor((("id", "9"),)), {"1", "2"}),
        (Visitor((("id", "2"), ("id", "1"))), {"2"}),
        (Visitor((("colour", "red"), ("id", "1"))), {"1"}),
        (Visitor((("id", "1"),), "gb"), {"1"}),
    ],
)
def test_the_overview_s_example_is_chosen_from_as_it_says(visitor: Visitor, chosen: set[str]) -> None:
    assert set(drawn(OVERVIEW, visitor)) == chosen


def test_weights_are_proportions() -> None:
    data = b"""<locations chooseby="weighted">
      <location id="a" href="https://a/" weight="6"/><location id="b" href="https://b/" weight="3"/>
      <location id="c" href="https://c/"/><location id="never" href="https://d/" weight="0"/></locations>"""
    found = drawn(data, Visitor(), draws=20_000)
    expected = {"a": 12_000, "b": 6_000, "c": 2_000}
    assert found.keys() == expected.keys()
    # Pearson's chi-squared with two degrees of freedom: above 13.8 once in a thousand fair draws.
    assert sum((found[key] - wanted) ** 2 / wanted for key, wanted in expected.items()) < 13.8


def test_where_all_weigh_nothing_each_has_its_chance() -> None:
    data = b"""<locations><location id="a" href="https://a/" weight="0"/>
      <location id="b" href="https://b/" weight="0"/></locations>"""
    assert min(drawn(data, Visitor(), draws=1000).values()) > 400


def test_the_order_of_the_methods_counts() -> None:
    template = """<locations chooseby="{}"><location id="gb" href="https://a/" country="gb" lang="zh"/>
      <location id="zh" href="https://b/" lang="zh"/><location id="en" href="https://c/" country="gb" lang="en"/>
      </locations>"""
    visitor = Visitor((("lang", "en"),), "gb")
    assert set(drawn(template.format("locatt,country").encode(), visitor)) == {"en"}
    assert set(drawn(template.format("country,locatt").encode(), visitor)) == {"en"}
    assert set(drawn(template.format(" Country , weighted , locatt").encode(), visitor)) == {"gb", "en"}
    assert set(drawn(template.format("moonphase,country").encode(), Visitor(country="fr"))) == {"zh"}
    assert set(drawn(template.format(" , ").encode(), visitor)) == {"en"}


def test_nothing_to_choose_from_is_none() -> None:
    assert choose([], ("weighted",), Visitor(), Random(1).random) is None
    assert read_locations(b"<locations/>").places == ()


@pytest.mark.parametrize("number", [0.0, 0.5, 1 - 2**-53])
def test_every_draw_ends_at_a_place(number: float) -> None:
    places = [Location({"weight": weight}) for weight in ("0.1", "0.2", "1e6")]
    chosen = choose(places, (), Visitor(), lambda: number)
    assert chosen is not None
    assert chosen.place in places


@pytest.mark.parametrize(
    ("said", "weight"),
    [(None, 1), ("2.5", 2.5), ("0", 0), ("-3", 0), ("nan", 0), ("inf", 0), ("1e308", 1e6), ("heavy", 0), ("", 0)],
)
def test_a_weight_is_a_bounded_number(said: str | None, weight: float) -> None:
    assert Location({} if said is None else {"weight": said}).weight == weight


@pytest.mark.parametrize(
    ("attributes", "address"),
    [
        ({"href": " https://a.example/p "}, "https://a.example/p"),
        ({"href_template": "https://a.example/?id={hdl}"}, "https://a.example/?id=88.1%2FA%20B%2F%3F%26%23"),
        ({"href_template": "https://a.example/{hdl:path}"}, "https://a.example/88.1/A%20B/%3F%26%23"),
        ({"href": "https://a.example/{hdl}"}, "https://a.example/%7Bhdl%7D"),
        ({"href": "https://a.example/", "href_template": "https://b.example/{hdl}"}, "https://a.example/"),
        ({"href_template": "javascript:alert('{hdl}')"}, None),
        ({"href": "javascript:alert(1)"}, None),
        ({"href": "data:text/html,x"}, None),
        ({"href": "ftp://a.example/"}, None),
        ({"href": "//a.example/"}, None),
        ({"href": "https://a.example/\r\nX: y"}, None),
        ({"href": ""}, None),
        ({}, None),
    ],
)
def test_only_web_addresses_come_of_a_place(attributes: dict[str, str], address: str | None) -> None:
    assert Location(attributes).address("88.1/A B/?&#") == address


def test_a_handle_in_a_template_stays_one_piece() -> None:
    place = Location({"href_template": "https://a.example/r?h={hdl}&x=1"})
    assert place.address("88.1/a&x=2#{hdl}") == "https://a.example/r?h=88.1%2Fa%26x%3D2%23%7Bhdl%7D&x=1"


def test_a_suffix_goes_below_a_place() -> None:
    place = Location({"href": "https://a.example"})
    assert place.address("88.1/A", "/manual?x=1") == "https://a.example/manual?x=1"
    assert place.address("88.1/A", ".evil.example/") is None


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]><locations><location href="&lol3;"/></locations>"""

HOSTILE = {
    "laughs": LAUGHS,
    "external entity": b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><locations>&x;</locations>',
    "parameter entity": b'<!DOCTYPE l [<!ENTITY % x SYSTEM "http://127.0.0.1:9/">%x;]><locations/>',
    "external type": b'<!DOCTYPE l SYSTEM "http://127.0.0.1:9/l.dtd"><locations/>',
    "plain type": b"<!DOCTYPE locations><locations/>",
    "attribute defaults": b'<!DOCTYPE l [<!ATTLIST location href CDATA "https://e/">]><locations><location/></locations>',
    "unknown entity": b'<locations><location href="&who;"/></locations>',
    "not closed": b"<locations><location>",
    "two roots": b"<locations/><locations/>",
    "attribute twice": b'<locations><location href="a" href="b"/></locations>',
    "no XML": b"https://a.example/",
    "nothing": b"",
    "NUL": b"<locations>\x00</locations>",
    "not UTF-8": b'<locations><location href="\xff"/></locations>',
    "UTF-16": "<locations/>".encode("utf-16"),
    "control character": b'<locations><location href="&#1;"/></locations>',
    "another root": b'<html><location href="https://a/"/></html>',
    "too many": b"<locations>" + b"<location/>" * 600 + b"</locations>",
    "too deep": b"<locations>" + b"<a>" * 20 + b"</a>" * 20 + b"</locations>",
    "too wide": b"<locations><location " + b" ".join(b'a%d="x"' % n for n in range(40)) + b"/></locations>",
    "too long": b"<locations>" + b" " * 70_000 + b"</locations>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_plain_list_of_places_is_refused(name: str) -> None:
    began = perf_counter()
    with pytest.raises(InvalidLocations) as refused:
        read_locations(HOSTILE[name])
    assert refused.value.evidence["reason"]
    assert perf_counter() - began < 1


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_nothing_but_one_refusal_comes_of_rubbish(data: bytes) -> None:
    for attempt in (
        data,
        b"<locations>" + data + b"</locations>",
        b'<locations><location id="' + data + b'"/></locations>',
    ):
        try:
            assert all(isinstance(place, Location) for place in read_locations(attempt).places)
        except InvalidLocations:
            continue


def test_a_declared_encoding_changes_nothing() -> None:
    read = read_locations(
        '<?xml version="1.0" encoding="gb2312"?><locations><location id="水泵"/></locations>'.encode()
    )
    assert read.places[0].attributes == {"id": "水泵"}


def test_names_of_other_spaces_are_read_and_dropped() -> None:
    read = read_locations(
        b'<l:Locations xmlns:l="urn:x" ChooseBy="x"><l:Location xmlns="y" xml:lang="zh" l:id="1" ID="2" href="https://a/">'
        b"text<other href='https://no/'/></l:Location><!-- no --><?php no ?></l:Locations>"
    )
    assert [dict(place.attributes) for place in read.places] == [{"ID": "2", "href": "https://a/"}]
    assert read.choose_by == ("locatt", "country", "weighted")
