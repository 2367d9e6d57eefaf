import tempfile
from xml.sax.saxutils import escape

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.rows.limits import Limits
from registry.rows.xlsx_package import Package, WorkbookUnreadable
from registry.rows.xlsx_sheet import SheetRow, read_sheet, sheet_header
from registry.rows.xlsx_workbook import Workbook
from tests.support.workbooks import sheet_xml, strings_xml, workbook

SHEET = "xl/worksheets/sheet1.xml"
HEADER = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c>'
    '<c r="C1" t="inlineStr"><is><t>c</t></is></c></row>'
)

texts = st.text(
    st.sampled_from("ab<>&\"' \n阀𠮷_x0D\x85") | st.characters(exclude_categories=["Cs", "Cc"]), max_size=6
)
cells = st.one_of(
    texts.map(lambda text: f' t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'),
    texts.map(lambda text: f' t="str"><f>A1&amp;B1</f><v>{escape(text)}</v></c>'),
    st.sampled_from(
        [
            ' t="s"><v>0</v></c>', ' t="s"><v>7</v></c>', ' t="b"><v>1</v></c>', ' t="e"><v>#REF!</v></c>',
            "><v>1.5</v></c>", ' t="n"><v>1E3</v></c>', ' s="0"/>', "><v></v></c>", "><f>NOW()</f></c>", "></c>",
            "><v/></c>", '><f t="shared" si="0"/><v>3</v></c>', ' t="inlineStr"><is><t>&#38451;&#x9600;</t></is></c>',
            ' t="inlineStr"><is><r><t>x</t></r><r><t>y</t></r></is></c>', ' t="z"><v>1</v></c>', "><v>&amp;</v></c>",
            ' t="str"><v><![CDATA[<x>]]></v></c>', "><v>1</v><!-- --></c>", ' t="str"><v>a\r\nb\rc</v></c>',
        ]
    ),
)  # fmt: skip
rows = st.lists(st.lists(cells, max_size=4), max_size=6)


def read(xml: str) -> list[SheetRow] | str:
    with tempfile.TemporaryFile() as file:
        file.write(workbook({SHEET: xml, "xl/sharedStrings.xml": strings_xml("<si><t>shared</t></si>")}))
        file.flush()
        package = Package(file, Limits())
        book = Workbook(package)
        found: list[SheetRow] = []
        try:
            header = sheet_header(package, book, book.sheets[0])
            assert header is not None
            read_sheet(package, book, book.sheets[0], header, found.append, from_line=1)
        except WorkbookUnreadable as error:
            return error.detail
        return found


def row_xml(line: int, row: list[str]) -> str:
    return f'<row r="{line}" spans="1:4">' + "".join(
        f'<c r="{"ABCD"[place]}{line}"{cell}' for place, cell in enumerate(row)
    ) + "</row>"  # fmt: skip


@given(rows, st.sampled_from(["", '<row r="90"/>', '<row r="90" hidden="1"></row>', '<row r="1"/>', "<x/>"]))
@settings(max_examples=150, deadline=None)
def test_usual_rows_are_what_the_parser_makes_of_them(table: list[list[str]], last: str) -> None:
    xml = HEADER + "".join(row_xml(line, row) for line, row in enumerate(table, 2)) + last
    # A comment before the first row is unusual: from there on everything is the parser's.
    assert read(sheet_xml(xml)) == read(sheet_xml("<!-- -->" + xml))


def test_another_encoding_is_the_parsers() -> None:
    xml = sheet_xml(HEADER + row_xml(2, [' t="str"><v>é</v></c>']))
    found = read(xml)
    declared = f'<?xml version="1.0" encoding="ISO-8859-1"?>{xml}'
    with_declaration = read(declared)
    assert isinstance(found, list)
    assert isinstance(with_declaration, list)
    assert found[0].raw == '["é","",""]'.encode()
    assert with_declaration[0].raw == '["Ã©","",""]'.encode()


def test_rows_may_be_cut_anywhere_into_pieces() -> None:
    table = [[f' t="inlineStr"><is><t>{"阀" * (line % 50)}</t></is></c>'] * 3 for line in range(4000)]
    xml = HEADER + "".join(row_xml(line, row) for line, row in enumerate(table, 2))
    found = read(sheet_xml(xml, before="<!--" + "x" * 65_500 + "-->"))
    assert found == read(sheet_xml("<!-- -->" + xml))
    assert len(found) == len([row for line, row in enumerate(table) if line % 50])


def test_a_row_longer_than_a_mebibyte_is_the_parsers() -> None:
    long = row_xml(2, [f' t="inlineStr"><is><t>{"".join(map(str, range(250_000)))}</t></is></c>'])
    found = read(sheet_xml(HEADER + long + row_xml(3, ["><v>1</v></c>"])))
    assert isinstance(found, list)
    assert [row.line for row in found] == [2, 3]
