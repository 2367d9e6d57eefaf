"""What a file claims to be, it is."""

from __future__ import annotations

import pytest

from registry.files.media_types import MEDIA_TYPES, SUFFIXES, MediaTypeMismatch, check_media_type, media_type_of

SOUND = {
    "application/pdf": b"%PDF-1.7\n%\xe2\xe3",
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/gif": b"GIF89a\1\0",
    "image/webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "video/mp4": b"\0\0\0\x18ftypisom",
    "image/tiff": b"II*\0\x08\0\0\0",
    "image/bmp": b"BM\x46\0\0\0",
    "image/jxr": b"II\xbc\x01",
    "audio/wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "audio/mpeg": b"\xff\xfb\x90\x64",
    "video/quicktime": b"\0\0\0\x14ftypqt  ",
    "video/x-msvideo": b"RIFF\x24\0\0\0AVI LIST",
    "video/x-ms-wmv": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c00"),
    "video/x-flv": b"FLV\x01\x05",
    "application/vnd.rar": b"Rar!\x1a\x07\x01\0",
    "application/vnd.ms-xpsdocument": b"PK\x03\x04\x14\0",
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": b"PK\x03\x04\x14\0",
    "application/vnd.ms-excel.sheet.macroenabled.12": b"PK\x03\x04\x14\0",
    "model/step": b"ISO-10303-21;\nHEADER;",
    "application/zip": b"PK\x03\x04\x14\0",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": b"PK\x03\x04\x14\0",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": b"PK\x03\x04\x14\0",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": b"PK\x03\x04\x14\0",
    "application/msword": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0",
    "application/vnd.ms-excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0",
    "application/json": b' {"a": 1}',
    "text/csv": "名称,型号\r\n泵,A\r\n".encode(),
    "text/plain": "说明\t书\f\n".encode(),
}


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_file_that_begins_as_it_should_is_taken(media_type: str) -> None:
    check_media_type(media_type, SOUND[media_type])


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_program_in_disguise_is_not(media_type: str) -> None:
    for disguised in (b"MZ\x90\0\3", b"\x7fELF\2\1", b"\xca\xfe\xba\xbe", b""):
        if disguised or not media_type.startswith("text/"):
            with pytest.raises(MediaTypeMismatch):
                check_media_type(media_type, disguised)


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/javascript", "text/xml", ""])
def test_what_a_browser_would_run_is_on_no_list(media_type: str) -> None:
    with pytest.raises(MediaTypeMismatch):
        check_media_type(media_type, b"<svg/>")


def test_text_is_utf8_without_control_characters() -> None:
    for content in ("水泵".encode("gb18030"), b"a\0b", b"a\x1b[31m"):
        with pytest.raises(MediaTypeMismatch):
            check_media_type("text/plain", content)
    with pytest.raises(MediaTypeMismatch):
        check_media_type("application/json", b"<html>")


def test_the_end_of_a_name_says_what_a_file_is_supposed_to_be() -> None:
    assert set(SUFFIXES.values()) <= set(MEDIA_TYPES)
    assert media_type_of("说明书.v2.PDF") == "application/pdf"
    assert media_type_of("b.jpe") == "image/jpeg"
    for name in ("pdf", "a.exe", "a.html", "a."):
        assert media_type_of(name) is None
