"""``/v1/labels``: codes of identifiers, one as SVG or PNG, many as a PDF to print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from admin.labels.content import Content, ContentUnfit, Wanted
from admin.labels.drawing import png, svg
from admin.labels.gs1 import NoGtin
from admin.labels.labels import Labels
from admin.labels.layouts import LAYOUTS, Layout
from admin.labels.selection import MOST, Item, LabelsRefused, NothingToLabel, OfBatch, Searched, Selection
from admin.labels.symbol import CodeKind, CodeTooLong
from admin.typesetting import TypesettingBusy, TypesettingFailed, TypesettingTooLong
from node.auth import Action
from node.errors import Malformed
from node.fonts import FontMissing
from node.identifier import (
    IDENTIFIER_LIMIT,
    PREFIX_LIMIT,
    Identifier,
    InvalidIdentifier,
    InvalidPrefix,
    InvalidSuffix,
    Prefix,
)
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, View
from registry.api.v1.paging import CursorBroken, text_cursor, write_cursor
from registry.api.v1.search_fields import FiltersBody
from registry.authorisations.reading import NotReadable
from registry.batches.store import BatchUnknown
from registry.identifiers.identifiers import IdentifierUnknown
from registry.prefixes import PrefixUnknown
from registry.search.search import ConditionUnfit, NotListed
from registry.templates.stored import TemplateUnknown

_TAG = "labels"
NEXT_CURSOR = "Next-Cursor"
_PDF = "application/pdf"
_MEDIA = {"svg": "image/svg+xml", "png": "image/png"}
_PICTURE = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff"}
_HOST = re.compile(r"([0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_KEEPS_NOTHING = {"Cache-Control": "no-store"}


class SelectionAmbiguous(Malformed):
    title_zh = "请只选择一种标识来源"


class LayoutUnknown(Malformed):
    """Evidence: ``layouts``, those that there are."""

    title_zh = "没有此标签版式"


class OwnAddressUnknown(Malformed):
    title_zh = "无法确定本节点的地址"


@dataclass(frozen=True, slots=True)
class Beginnings:
    """Where addresses begin: ``address`` of the node, ``None`` for that of each request; of Digital Links."""

    address: str | None
    digital_link: str

    def wanted(self, call: Call, kind: CodeKind, content: Content) -> Wanted:
        """What a request wants. Raises ``ContentUnfit``, ``OwnAddressUnknown``."""
        address = self.address or (_own_address(call) if content is Content.ADDRESS else "")
        return Wanted(kind, content, address, self.digital_link)


_Content = Annotated[
    Content,
    Field(
        description="the identifier; the address of its public page; a GS1 Digital Link or, as GS1 DataMatrix, an"
        " element string of the record's gtin, lot and serial"
    ),
]


class LabelQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: CodeKind = CodeKind.QR
    content: _Content = Content.ADDRESS
    format: Literal["svg", "png"] = "svg"
    scale: Annotated[int, Field(ge=1, le=32, description="pixels of a module, for PNG")] = 8


class SearchedBody(Body):
    """Identifiers of a prefix that meet the filters."""

    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT)]
    filters: FiltersBody = FiltersBody()


class SelectionBody(Body):
    """One of: ``identifiers`` in their order; what a ``search`` finds; what a batch wrote.

    Of the latter two come at most 1,000 at once; ``cursor`` goes on behind them.
    """

    identifiers: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=IDENTIFIER_LIMIT)]],
            Field(min_length=1, max_length=MOST),
        ]
        | None
    ) = None
    search: SearchedBody | None = None
    batch_id: Annotated[UUID | None, Field(strict=False)] = None
    cursor: Annotated[str | None, Field(max_length=4096)] = None

    def selection(self) -> Selection:
        """The domain value. Raises ``SelectionAmbiguous``, ``CursorBroken``, ``InvalidPrefix``."""
        if (self.identifiers, self.search, self.batch_id).count(None) != 2:
            raise SelectionAmbiguous("name identifiers, or a search, or a batch", field="identifiers")
        after = text_cursor(self.cursor) or ""
        if self.identifiers is not None:
            return self.identifiers
        if self.search is not None:
            return Searched(Prefix.parse_derived(self.search.prefix), self.search.filters.filters(), after)
        assert self.batch_id is not None, "one of three is there"
        return OfBatch(self.batch_id, after)


class SheetBody(SelectionBody):
    """A selection, the code of its labels, and the sheet or roll that they are printed on."""

    kind: Annotated[CodeKind, Field(strict=False)] = CodeKind.QR
    content: Annotated[_Content, Field(strict=False)] = Content.ADDRESS
    layout: Annotated[str, Field(max_length=32, examples=["a4-70x37"])] = next(iter(LAYOUTS))

    def page(self) -> Layout:
        """The domain value. Raises ``LayoutUnknown``."""
        try:
            return LAYOUTS[self.layout]
        except KeyError:
            raise LayoutUnknown("there is no such layout", field="layout", layouts=list(LAYOUTS)) from None


class LabelledView(View):
    """What stands beside the code of one label."""

    identifier: str
    product: str
    enterprise: str

    @classmethod
    def of(cls, item: Item) -> Self:
        """The answer about one identifier."""
        return cls(identifier=item.found.text, product=item.product, enterprise=item.enterprise)


class SelectionView(View):
    items: list[LabelledView]
    next_cursor: str | None


class LayoutView(View):
    """Lengths in millimetres."""

    name: str
    title_zh: str
    title_en: str
    page: tuple[float, float]
    label: tuple[float, float]
    columns: int
    rows: int

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """The answer about one layout."""
        return cls(**{name: getattr(layout, name) for name in cls.model_fields})


class LayoutList(View):
    items: list[LayoutView]


def label_routes(labels: Labels, beginnings: Beginnings) -> list[Route]:
    """Every route of labels."""

    async def one(call: Call, query: LabelQuery) -> Reply:
        identifier = Identifier.of(Prefix.parse_derived(call.text("prefix")), call.text("suffix"))
        wanted = beginnings.wanted(call, query.kind, query.content)
        symbol = await labels.code(call.account, identifier, wanted)
        picture = svg(symbol).encode() if query.format == "svg" else png(symbol, query.scale)
        name = f'inline; filename="label.{query.format}"'
        headers = {**_PICTURE, **_KEEPS_NOTHING, "Content-Disposition": name}
        return Reply(picture, headers=headers, content_type=_MEDIA[query.format])

    async def selected(call: Call, body: SelectionBody) -> Reply:
        found = await labels.selected(call.account, body.selection())
        return Reply(
            SelectionView(items=[LabelledView.of(item) for item in found.items], next_cursor=_cursor(found.following))
        )

    async def sheet(call: Call, body: SheetBody) -> Reply:
        wanted = beginnings.wanted(call, body.kind, body.content)
        pages, following = await labels.sheet(call.account, body.selection(), wanted, body.page())
        headers = {**_KEEPS_NOTHING, "Content-Disposition": f'attachment; filename="labels-{body.layout}.pdf"'}
        cursor = _cursor(following)
        if cursor is not None:
            headers[NEXT_CURSOR] = cursor
        return Reply(pages, headers=headers, content_type=_PDF)

    async def layouts(_: Call) -> Reply:
        return Reply(LayoutList(items=[LayoutView.of(layout) for layout in LAYOUTS.values()]))

    named_badly: tuple[type[Malformed], ...] = (InvalidPrefix, InvalidSuffix, InvalidIdentifier)
    selections = (InvalidPrefix, SelectionAmbiguous, CursorBroken, PrefixUnknown, BatchUnknown, TemplateUnknown,
                  NotListed, ConditionUnfit, LabelsRefused, NothingToLabel)  # fmt: skip
    return [
        Route("GET", "/v1/labels/layouts", layouts, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="Sheets and rolls that labels can be printed on", summary_zh="标签版式",
              answers={200: LayoutList}),
        Route("POST", "/v1/labels/selections", selected, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="What a sheet of labels would show", summary_zh="预览标签内容",
              body=SelectionBody, answers={200: SelectionView}, errors=selections),
        Route("POST", "/v1/labels/sheets", sheet, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="Up to 1,000 labels as a PDF; the header Next-Cursor says that there are more",
              summary_zh="批量生成标签（PDF）", body=SheetBody, answers={200: (_PDF,)},
              errors=(*selections, ContentUnfit, OwnAddressUnknown, LayoutUnknown, FontMissing, TypesettingBusy,
                      TypesettingTooLong, TypesettingFailed)),
        Route("GET", "/v1/labels/{prefix}/{suffix:(?s:.+)}", one, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="The QR or Data Matrix code of an identifier", summary_zh="标识的二维码",
              query=LabelQuery, answers={200: tuple(_MEDIA.values())},
              errors=(*named_badly, PrefixUnknown, IdentifierUnknown, NotReadable, NoGtin, CodeTooLong,
                      ContentUnfit, OwnAddressUnknown)),
    ]  # fmt: skip


def _own_address(call: Call) -> str:
    """The address by which the node was asked: what clients send as Host is a name of it, or refused."""
    host = call.request.headers.get("Host", "")
    if not _HOST.fullmatch(host):
        raise OwnAddressUnknown("the request names no host to be printed: set labels.address", field="content")
    return f"{call.request.scheme}://{host}"


def _cursor(following: str | None) -> str | None:
    return None if following is None else write_cursor(following)
