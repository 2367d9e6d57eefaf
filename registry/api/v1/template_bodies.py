"""The JSON of templates at ``/v1``: definitions, changes, display templates, and what the answers say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from node.record import DEFAULT_TTL
from registry.api.v1.fields import Body, Version, View
from registry.api.v1.paging import Page
from registry.templates.attributes import MOST_ITEMS
from registry.templates.definition_faults import MAX_CODE, MAX_TEXT
from registry.templates.display import MAX_SECTIONS, Display, Section, layout
from registry.templates.media import MAX_SUFFIX, MAX_SUFFIXES, Media
from registry.templates.next_edition import EditionChanges
from registry.templates.stored import StoredTemplate
from registry.templates.template import (
    MAX_ATTRIBUTES,
    Attribute,
    AttributeState,
    Kind,
    Landing,
    Template,
    attribute_of,
)
from registry.transitions import TemplateState

_Limit = Annotated[str, Field(max_length=64)] | int | float


class AttributeBody(Body):
    """One attribute. ``index`` and ``type`` are given by the node when left out; limits are for their own kinds."""

    name: Annotated[str, Field(max_length=64)]
    title_zh: Annotated[str, Field(max_length=255)]
    title_en: Annotated[str, Field(max_length=255)] = ""
    kind: Kind = Kind.STRING
    index: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    type: Annotated[str, Field(max_length=128)] = ""
    required: bool = False
    unique: bool = False
    listed: bool = False
    min_length: Annotated[int, Field(ge=0, le=65535)] | None = None
    max_length: Annotated[int, Field(ge=1, le=65535)] | None = None
    minimum: _Limit | None = None
    maximum: _Limit | None = None
    pattern: Annotated[str, Field(max_length=1000)] | None = None
    choices: Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=1000, default_factory=list)]
    many: Annotated[bool, Field(description="an array of such values")] = False
    max_items: Annotated[int, Field(ge=1, le=MOST_ITEMS)] | None = None
    unit: Annotated[str, Field(max_length=32, description="of the stored numbers, for example kW")] | None = None
    state: Annotated[AttributeState, Field(description="disabled and pending ones take no values")] = (
        AttributeState.ENABLED
    )
    decimals: Annotated[int, Field(ge=0, le=38, description="digits behind the point at most")] | None = None
    media: Annotated[Media, Field(description="what files must be")] | None = None
    suffixes: Annotated[
        list[Annotated[str, Field(max_length=MAX_SUFFIX)]],
        Field(max_length=MAX_SUFFIXES, default_factory=list, description="ends of the names of files"),
    ]
    template: Annotated[str, Field(max_length=255, description="that targets of references should have")] | None = (
        None
    )
    date_format: Annotated[str, Field(max_length=20, description="on pages, for example YYYY/MM/DD")] | None = None
    code: Annotated[str, Field(max_length=MAX_CODE)] = ""
    definition: Annotated[str, Field(max_length=MAX_TEXT)] = ""
    comment: Annotated[str, Field(max_length=MAX_TEXT)] = ""

    def attribute(self, place: str) -> Attribute:
        """The domain value, not yet checked. Raises ``InvalidTemplate``."""
        return attribute_of(self.model_dump(mode="json", exclude_none=True), place)


_Name = Annotated[str, Field(max_length=64)]


class SectionBody(Body):
    """Attributes that stand together on the page under a title."""

    title_zh: Annotated[str, Field(max_length=255)]
    title_en: Annotated[str, Field(max_length=255)] = ""
    attributes: Annotated[list[_Name], Field(max_length=MAX_ATTRIBUTES)]


class DisplayBody(Body):
    """How the public page shows the attributes, all by their names."""

    title: Annotated[str, Field(max_length=64, description="heads the page")] | None = None
    image: Annotated[str, Field(max_length=64, description="a file attribute of the media image")] | None = None
    sections: Annotated[list[SectionBody], Field(max_length=MAX_SECTIONS, default_factory=list)]
    hidden: Annotated[
        list[_Name],
        Field(max_length=MAX_ATTRIBUTES, default_factory=list, description="left out of the page, not of the record"),
    ]

    def display(self) -> Display:
        """The domain value."""
        return Display(
            self.title,
            self.image,
            tuple(Section(one.title_zh, one.title_en, tuple(one.attributes)) for one in self.sections),
            tuple(self.hidden),
        )


class DefinitionBody(Body):
    """What a template says."""

    name: Annotated[str, Field(max_length=128)]
    title_zh: Annotated[str, Field(max_length=255)]
    title_en: Annotated[str, Field(max_length=255)] = ""
    attributes: Annotated[list[AttributeBody], Field(max_length=MAX_ATTRIBUTES)]
    ttl: Annotated[int, Field(description="seconds that resolvers may keep an answer")] = DEFAULT_TTL
    landing: Landing = Landing.PAGE
    display: DisplayBody | None = None

    def template(self) -> Template:
        """The domain value. Raises ``InvalidTemplate``."""
        definition = self.model_dump(mode="json", exclude={"enterprise_id", "version"}, exclude_none=True)
        return Template.from_json({**definition, "version": 1})


class TemplateBody(DefinitionBody):
    """``enterprise_id`` left out: the caller's own enterprise, or for staff the node's own, usable by everybody."""

    enterprise_id: UUID | None = None


class TemplateEditBody(DefinitionBody):
    """The whole definition anew."""

    version: Version


class TemplateChangeBody(Body):
    """What the next edition says otherwise: attributes of new names are appended, those of known names replaced."""

    title_zh: Annotated[str, Field(max_length=255)] | None = None
    title_en: Annotated[str, Field(max_length=255)] | None = None
    attributes: Annotated[list[AttributeBody], Field(max_length=MAX_ATTRIBUTES, default_factory=list)]
    display: DisplayBody | None = None

    def changes(self) -> EditionChanges:
        """The domain value. Raises ``InvalidTemplate``."""
        attributes = (one.attribute(f"attributes[{place}]") for place, one in enumerate(self.attributes))
        display = None if self.display is None else self.display.display()
        return EditionChanges(self.title_zh, self.title_en, tuple(attributes), display)


class TemplateCopyBody(Body):
    """``fixed``: the copy keeps the attributes of its origin and is not granted to other enterprises."""

    name: Annotated[str, Field(max_length=128)]
    enterprise_id: UUID | None = None
    fixed: bool = False


class TemplateQuery(Page):
    state: TemplateState | None = None


class TemplateView(View):
    """``definition.version`` numbers the editions of a template, ``version`` the changes of this one."""

    template_id: int
    enterprise_id: UUID | None
    name: str
    template_version: int
    state: TemplateState
    definition: dict[str, Any]
    based_on: int | None
    fixed: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, stored: StoredTemplate) -> Self:
        """The answer about one template."""
        return cls(
            template_id=stored.template_id,
            enterprise_id=stored.enterprise_id,
            name=stored.template.name,
            template_version=stored.template.version,
            state=stored.state,
            definition=stored.template.to_json(),
            based_on=stored.based_on,
            fixed=stored.fixed,
            version=stored.version,
            created_at=stored.created_at,
            updated_at=stored.updated_at,
        )


class TemplateList(View):
    items: list[TemplateView]
    next_cursor: str | None


class ShownAttributeView(View):
    name: str
    title_zh: str
    title_en: str
    kind: Kind
    many: bool
    unit: str | None
    state: AttributeState


class ShownSectionView(View):
    title_zh: str
    title_en: str
    attributes: list[ShownAttributeView]


class TemplatePreview(View):
    """The public page of an identifier of this template, section by section; attributes by their names."""

    title_zh: str
    title_en: str
    title: str | None
    image: str | None
    sections: list[ShownSectionView]
    hidden: list[str]

    @classmethod
    def of(cls, template: Template) -> Self:
        """The layout of its page."""
        shown = layout(template.display, template.attributes)
        return cls(title_zh=template.title_zh, title_en=template.title_en, **shown)
