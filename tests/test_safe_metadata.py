from __future__ import annotations

import pytest
from helpers_safe import SECRET, make_safe
from hypothesis import given
from hypothesis import strategies as st

from cloudmask.errors import InputError
from cloudmask.safe_metadata import read_metadata
from cloudmask.xml_input import MAX_BYTES, find_text, parse_xml


def xml(body, level="Level-1C"):
    return (
        '<n1:P xmlns:n1="https://psd/x"><A><PRODUCT_URI>S2A_X.SAFE</PRODUCT_URI>'
        f"<PROCESSING_LEVEL>{level}</PROCESSING_LEVEL>{body}</A></n1:P>"
    ).encode()


QUANTIFIED = '<QUANTIFICATION_VALUE unit="none">10000</QUANTIFICATION_VALUE>'


@pytest.mark.parametrize(
    ("level", "baseline", "offset"),
    [("L1C", "02.05", 0), ("L1C", "05.11", -1000), ("L2A", "02.14", 0), ("L2A", "05.11", -1000)],
)
def test_products_of_every_kind(tmp_path, level, baseline, offset):
    root = make_safe(tmp_path, level=level, baseline=baseline, size10=36)
    found = read_metadata((root / f"MTD_MSI{level}.xml").read_bytes(), "m")
    assert (found.level, found.baseline, found.spacecraft) == (level, baseline, "Sentinel-2A")
    assert found.name == root.name[:-5]
    assert {r.offset for r in found.radiometry.values()} >= {offset}
    assert found.radiometry["B8A"].quantification == 10000
    assert found.start_time.startswith("2024-06-15T09:40:31")


def test_offsets_belong_to_their_band():
    found = read_metadata(
        xml(
            QUANTIFIED
            + "".join(f'<RADIO_ADD_OFFSET band_id="{i}">{-1000 - i}</RADIO_ADD_OFFSET>' for i in range(13))
        ),
        "m",
    )
    assert (found.radiometry["B01"].offset, found.radiometry["B8A"].offset) == (-1000, -1008)
    assert found.radiometry["B12"].offset == -1012


def test_offsets_that_leave_bands_out():
    with pytest.raises(InputError, match="RADIO_ADD_OFFSET: expected one for every band"):
        read_metadata(xml(QUANTIFIED + '<RADIO_ADD_OFFSET band_id="3">-1000</RADIO_ADD_OFFSET>'), "m")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "expected well-formed XML"),
        (b"\x00\x01", "expected well-formed XML"),
        (b"<a>", "expected well-formed XML"),
        (b"<a/>", r"expected the metadata of a Sentinel-2 product .* found a document of type a"),
        (xml(""), "expected QUANTIFICATION_VALUE, found none"),
        (xml(QUANTIFIED, "Level-0"), "unknown processing level"),
        (xml(QUANTIFIED, ""), "unknown processing level"),
        (xml(QUANTIFIED.replace("10000", "many")), "QUANTIFICATION_VALUE: expected a number, found 'many'"),
        (xml(QUANTIFIED.replace("10000", "0")), "quantification value: expected 1 to 1000000"),
        (
            xml(QUANTIFIED + '<RADIO_ADD_OFFSET band_id="x">-1000</RADIO_ADD_OFFSET>'),
            "expected one for every band, found band_id x",
        ),
        (
            xml(QUANTIFIED + '<RADIO_ADD_OFFSET band_id="1">-1e9</RADIO_ADD_OFFSET>'),
            "radiometric offset: expected",
        ),
        (b"<!DOCTYPE a><a/>", "declares a document type"),
    ],
)
def test_other_documents(data, text):
    with pytest.raises(InputError, match=text) as error:
        read_metadata(data, "product/MTD_MSIL1C.xml")
    assert str(error.value).startswith("product/MTD_MSIL1C.xml: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("entity", ["external", "bomb"])
def test_entities_are_refused_and_draw_in_nothing(tmp_path, entity):
    root = make_safe(tmp_path, size10=36, entity=entity)
    with pytest.raises(InputError) as error:
        read_metadata((root / "MTD_MSIL1C.xml").read_bytes(), "m")
    assert SECRET not in str(error.value)


def test_entity_bomb_in_an_attribute():
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    data = f'<!DOCTYPE a [<!ENTITY e0 "lol">{levels}]><a b="&e9;"/>'.encode()
    with pytest.raises(InputError):
        parse_xml(data, "m")


def test_too_large():
    with pytest.raises(InputError, match="expected at most 64 MB of XML"):
        parse_xml(bytes(MAX_BYTES + 1), "m")


def test_nested_too_deep():
    with pytest.raises(InputError, match="expected well-formed XML"):
        parse_xml(b"<a>" * 100_000, "m")


def test_find_text_looks_past_namespaces():
    root = parse_xml(b'<r xmlns:p="u"><!-- T --><p:T> x </p:T><T>y</T><E/></r>', "m")
    assert (find_text(root, "T"), find_text(root, "E"), find_text(root, "Z")) == ("x", "", None)


@given(st.binary(max_size=60), st.integers(0, 300), st.integers(0, 60))
def test_any_damage_is_an_input_error(noise, at, cut):
    good = xml(QUANTIFIED + '<RADIO_ADD_OFFSET band_id="1">-1000</RADIO_ADD_OFFSET>')
    try:
        read_metadata(good[:at] + noise + good[at + cut :], "m")
    except InputError as error:
        assert str(error).startswith("m: ")  # noqa: PT017
