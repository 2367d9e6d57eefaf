"""The bodies of IDHub requests, as the published pages and the SDK's data objects name their members.

Members beyond these are passed over; whole numbers may come in quotes (C-14), ``null`` where a member may be missing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from registry.api.idhub.status import bind_error

_CLEAN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z"
"""No control characters but tabs and line breaks."""
Needed = Annotated[str, Meta(min_length=1, max_length=255, pattern=_CLEAN)]
Text50 = Annotated[str, Meta(min_length=1, max_length=50, pattern=_CLEAN)]
Text100 = Annotated[str, Meta(min_length=1, max_length=100, pattern=_CLEAN)]
Upto200 = Annotated[str, Meta(max_length=200, pattern=_CLEAN)]
Upto255 = Annotated[str, Meta(max_length=255, pattern=_CLEAN)]
Upto1000 = Annotated[str, Meta(max_length=1000, pattern=_CLEAN)]
Handles = Annotated[list[Upto255], Meta(max_length=1000)]
MOST_ITEMS = 200
_CONTENT = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class _Body(msgspec.Struct, rename="camel", frozen=True):
    """Members in camel case."""


class Proof(_Body, frozen=True):
    """verify-response (8.2)."""

    handle: Needed
    signature: Annotated[str, Meta(min_length=1, max_length=4096)]


class Attributes(_Body, frozen=True):
    """``content`` as it came: it is told again, and its numbers lose nothing."""

    content: msgspec.Raw

    @property
    def values(self) -> dict[str, Any]:
        """By English name. Raises ``IdhubRefusal``."""
        try:
            return _CONTENT.decode(self.content)
        except (msgspec.ValidationError, RecursionError):
            raise bind_error("attributes.content", "attributes.content应为对象") from None


class Operation(_Body, frozen=True):
    """Create and Update (9.1). ``type`` is the metadata handle."""

    type: Needed
    attributes: Attributes


class ItemSchema(_Body, frozen=True):
    """``dataType`` 1 character, 2 number, 3 date, 4 file, 5 reference, 6 audio, 7 video, 8 image (10.1)."""

    data_type: Annotated[int, Meta(ge=1, le=8)]
    min_length: int | None = None
    max_length: int | None = None
    char_range: Upto1000 | None = None
    accuracy: int | None = None
    number_range: Upto200 | None = None
    date_format: Upto200 | None = None
    max_file_count: int | None = None
    file_range: int | None = None
    file_type: Upto200 | None = None
    self_def_file_suffix: Upto200 | None = None
    reference_type: int | None = None


class ItemReference(_Body, frozen=True):
    reference_meta_handle: Upto255 | None = None


class Item(_Body, frozen=True):
    """One item of metadata. Without ``itemIndex`` it is a new one; ``itemState`` 0 enabled, 1 disabled, 2 not yet."""

    item_code: Text50
    english_name: Text50
    chinese_name: Text50
    item_schema: ItemSchema = field(name="itemSchemaCreateDTO")
    definition: Upto200 | None = None
    input_necessary: Annotated[int, Meta(ge=0, le=1)] | None = None
    list_item_necessary: Annotated[int, Meta(ge=0, le=1)] | None = None
    required: Annotated[int, Meta(ge=0, le=1)] | None = None
    unique_field: Annotated[int, Meta(ge=0, le=1)] | None = None
    comment: Upto200 | None = None
    item_index: int | None = None
    item_state: Annotated[int, Meta(ge=0, le=2)] | None = None
    item_reference: ItemReference | None = field(default=None, name="itemReferenceDTO")


class Head(_Body, frozen=True):
    """What metadata says of itself beside its items."""

    classify_code: Text100
    meta_name: Text100
    meta_code: Text100
    industry_category: Text50
    industry_specific: Text50
    industry_trade: Text50
    industry_subclass: Text50
    standard: Upto200 | None = None
    meta_desc: Upto1000 | None = None


class MetaCreate(Head, frozen=True, kw_only=True):
    meta_handle: Upto255 | None = None
    items: Annotated[list[Item], Meta(max_length=MOST_ITEMS)] = field(name="metaItemCreateDTOS")


class MetaHead(Head, frozen=True, kw_only=True):
    """update-basic-info; the misspelt name of the handle is taken too (C-13)."""

    meta_handle: Upto255 = ""
    meta_hanlde: Upto255 = ""

    @property
    def handle(self) -> str:
        return self.meta_handle or self.meta_hanlde


class MetaItems(_Body, frozen=True, kw_only=True):
    """update-item."""

    meta_handle: Upto255 = ""
    meta_hanlde: Upto255 = ""
    items: Annotated[list[Item], Meta(max_length=MOST_ITEMS)] = field(name="metaItemDTOS")

    @property
    def handle(self) -> str:
        return self.meta_handle or self.meta_hanlde


class MetaGrant(_Body, frozen=True):
    """grant/info: published tables say ``handleUsers``, examples send ``handleList`` (C-18)."""

    meta_handle: Needed
    scope: int
    handle_users: Handles | None = None
    handle_list: Handles | None = None
    remove_handle_users: Handles | None = None


class MetaPublish(_Body, frozen=True):
    op_type: Upto255
    meta_handle_list: Handles | None = None


class CopyHead(_Body, frozen=True):
    meta_code: Text50
    classify_code: Text100
    meta_handle: Upto255 | None = None


class MetaCopy(_Body, frozen=True):
    baseon_handle: Needed
    base_info: CopyHead


class BatchPublic(_Body, frozen=True):
    """``scope`` 1 public, 2 no more public (C-25)."""

    meta_handle: Needed
    scope: int
    items: Annotated[list[Upto255], Meta(max_length=MOST_ITEMS)]


class Access(_Body, frozen=True):
    """``authType`` 1 read, 2 write; ``scope`` 1 public, 2 only those named."""

    item: str | Annotated[list[str], Meta(max_length=MOST_ITEMS)]
    auth_type: int
    scope: int
    handle_users: Handles | None = None
    remove_handle_users: Handles | None = None

    @property
    def items(self) -> list[str]:
        return [self.item] if isinstance(self.item, str) else self.item


class ClassAccess(_Body, frozen=True):
    meta_handle: Needed
    access_list: Annotated[list[Access], Meta(max_length=MOST_ITEMS)]


class SingleAccess(_Body, frozen=True):
    """``grantType`` 1 as the class, 2 by itself; ``readerScope`` is told apart from what is no number."""

    handle: Needed
    grant_type: int | str
    reader_scope: int | str | None = None
    handle_user_readers: Handles | None = None
    handle_user_writers: Handles | None = None
    del_handle_user_readers: Handles | None = None
    del_handle_user_writers: Handles | None = None
