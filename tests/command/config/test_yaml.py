"""YAML and JSON of users: each text has one meaning, and an error is reported with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflink.adapters.storage.config_files import parse_scalar, read_config
from tdaflink.adapters.storage.yaml_text import dump_yaml, load_yaml
from tdaflink.domain.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E4", 10000.0), ("1.5e+3", 1500.0), (".5", 0.5), ("5.", 5.0), ("-0.0", 0.0),
        ("010", 10), ("+7", 7), ("-12", -12), ("0o17", 15), ("0x1F", 31), ("9223372036854775807", 2**63 - 1),
        ("1:30", "1:30"), ("190:20:30", "190:20:30"), ("no", "no"), ("Yes", "Yes"), ("on", "on"), ("y", "y"),
        ("1_000", "1_000"), ("0b101", "0b101"), ("2024-01-01", "2024-01-01"), ("2024-13-45", "2024-13-45"),
        ("true", True), ("FALSE", False), ("~", None), ("", None), ("null", None), ("nan", "nan"),
        ("'1'", "1"), ('"true"', "true"), ("!!str 5", "5"), ("!!float 3", 3.0), ("! 5", "5"),
        ("[1, 1e1]", [1, 10.0]), ("{a: no}", {"a": "no"}),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = load_yaml(text, "x")
    assert found == value
    assert type(found) is type(value)
    assert parse_scalar(text) == value


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key a is given twice, first in line 1"),
        ("a: {b: 1, b: 2}", "line 1, column 11: the key b is given twice"),
        ("a: &a [*a]", "line 1, column 8: *a is part of itself"),
        ("a: &a\n  b: {c: *a}", "line 2, column 10: *a is part of itself"),
        ("a: *b", "line 1, column 4: *b names no value"),
        (LAUGHS, "line 6, column 8: has more than 100000 values"),
        ("x: " + "[" * 100, "line 1, column 67: is nested more than 64 levels deep"),
        ("[" * 200_000, "nest"),
        ("- " * 200_000, "nest"),
        ("a: " + "9" * 5000, "line 1, column 4: the integer '999"),
        ("a: -" + "9" * 20, "beyond 2^63"),
        ("a: 1e999", "line 1, column 4: '1e999' is beyond the range of float64"),
        ("a: .inf", "line 1, column 4: '.inf' is not a finite number"),
        ("a: .NaN", "line 1, column 4: '.NaN' is not a finite number"),
        ("a: 1\nb: !!int x", "line 2, column 4: 'x' is not of type int, as its tag requires"),
        ("a: !!timestamp 2024-13-45", "the tag 'tag:yaml.org,2002:timestamp' is not supported"),
        ("a: !!binary x", "is not supported"),
        ("a: !!python/object/apply:os.system [x]", "is not supported"),
        ("a: !mine x", "the tag '!mine' is not supported"),
        ("a: 1\n---\nb: 2", "line 2, column 1: a second document begins"),
        ("base: &b {x: 1}\na:\n  <<: *b", "line 3, column 3: the merge key <<"),
        ("1: x", "line 1, column 1: the key '1' is not text"),
        ("? [a]\n: b", "is not text"),
        ("a: 'b", "line 1, column "),
        ("a: \x07", "not YAML"),
        ("a: \ud800", "not YAML"),
        ("- a", "a config is a mapping of keys to values, not a list"),
        ("2024-13-45", "not text"),
        ("", "a config is a mapping of keys to values, not empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(ConfigError) as caught:
        read_config(file)
    assert str(file) in caught.value.message
    if "\ud800" in text:
        assert "is not UTF-8" in caught.value.message
        return
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{\n "a": 1,\n "b": {"c": 2},\n "a": 3}', "line 4: the key a is given twice"),
        ('{"x": [{"a": 1},\n {"a": 1, "b": "a, a",\n "a": 2}]}', "line 3: the key a is given twice"),
        ('{"a": NaN}', "line 1: NaN is not a finite number"),
        ('{"a": 1e999}', "line 1: 1e999 is not a finite number"),
        (f'{{"a": {"9" * 5000}}}', "line 1: holds the integer 9999"),
        (f'{{"a": {"[" * 100}{"]" * 100}}}', "line 1: is nested more than 64 levels deep"),
        ('{"a": ' + "[" * 200_000, "nest"),
        ('{"a": "\\ud800"}', "line 1: holds half of a surrogate pair"),
        ('{"a": 1} {"b": 2}', "line 1: not JSON: more text follows the value"),
        ("", "empty"),
        ("[]", "not a list"),
    ],
)  # fmt: skip
def test_json_is_read_as_strictly(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "c.json"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config(file)
    assert problem in caught.value.message or "is not JSON" in caught.value.message
    assert str(file) in caught.value.message


@pytest.mark.parametrize("name", ["c.json", "c.yaml"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'\xef\xbb\xbf{"parallelism": 2}')
    assert read_config(tmp_path / name) == {"parallelism": 2}


@pytest.mark.parametrize("name", ["c.json", "c.yaml"])
def test_a_file_that_is_no_text_or_no_config_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'{"a":\n "\xff"}')
    with pytest.raises(ConfigError, match="line 2: byte 0xff is not UTF-8"):
        read_config(tmp_path / name)
    (tmp_path / name).write_bytes(b" " * (5 * 2**20))
    with pytest.raises(ConfigError, match="more than 4 MiB"):
        read_config(tmp_path / name)


_TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    st.from_regex(r"[-+]?[0-9._:eExXo]{1,8}", fullmatch=True),
    st.sampled_from(
        ["no", "yes", "null", "~", "<<", "=", "2024-01-01", ".inf", "1e5", "010", "&a", "*a", "!x"]
    ),
)
_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63) + 1, 2**63 - 1), _TEXTS,
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(_TEXTS.filter(lambda key: key != "<<"), inner, max_size=4),
    ),
    max_leaves=12,
)  # fmt: skip


@given(_VALUES)
def test_what_is_written_is_read_as_the_same(value: Any) -> None:
    assert load_yaml(dump_yaml({"value": value}), "x") == {"value": value}
