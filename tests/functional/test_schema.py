# SPDX-License-Identifier: BSD-3-Clause
"""The config reader and the JSON Schema it writes, on one corpus: tests/config/good and bad. Each bad file says in its
second line where its first error is and what it says; what a schema cannot say is marked there, and then the schema accepts."""
import json
import os
import re

import pytest
import yaml

from lab import WEIR, run

jsonschema = pytest.importorskip("jsonschema")
HERE = os.path.join(os.path.dirname(__file__), "..", "config")
EXPECT = re.compile(r"^# expect (\d+):(\d+): (.*?)(?: \(a schema cannot say: (.*)\))?$")


class Core(yaml.SafeLoader):
    """YAML as editors read it (1.2 core schema): 'yes' and 02:00:00:00:00:01 are text."""

    yaml_implicit_resolvers = {}


for tag, pattern, first in (("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
                            ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
                            ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
                            ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789"))):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)


def files(kind):
    return sorted(n for n in os.listdir(f"{HERE}/{kind}") if n.endswith(".yaml"))


def keys_as_text(v):
    if isinstance(v, dict):
        return {str(k): keys_as_text(x) for k, x in v.items()}
    return [keys_as_text(x) for x in v] if isinstance(v, list) else v


@pytest.fixture(scope="module")
def schema():
    doc = json.loads(run(WEIR, "config", "schema").stdout)
    jsonschema.Draft202012Validator.check_schema(doc)
    return jsonschema.Draft202012Validator(doc)


def by_schema(schema, path):
    """The schema's verdict on a file; text that is no YAML is refused by everybody."""
    try:
        with open(path, encoding="utf-8") as f:
            docs = list(yaml.load_all(f, Core))
    except yaml.YAMLError:
        return "not YAML"
    doc = keys_as_text(docs[0]) if docs and docs[0] is not None else {}
    errors = list(schema.iter_errors(doc))
    return None if not errors else errors[0].message


def test_there_are_enough_files():
    assert len(files("good")) >= 30 and len(files("bad")) >= 60


@pytest.mark.parametrize("name", files("good"))
def test_good(schema, name):
    path = f"{HERE}/good/{name}"
    p = run(WEIR, "config", "check", path, check=False)
    assert p.returncode == 0, p.stderr
    assert by_schema(schema, path) is None


@pytest.mark.parametrize("name", files("bad"))
def test_bad(schema, name):
    path = f"{HERE}/bad/{name}"
    with open(path, encoding="utf-8") as f:
        line, column, words, unsayable = EXPECT.match(f.read().split("\n")[1]).groups()
    p = run(WEIR, "config", "check", path, check=False)
    first = p.stderr.split("\nhint: ")[0]
    assert p.returncode == 1
    assert p.stderr.startswith(f"{path}:{line}:{column}: error: "), p.stderr
    assert words in p.stderr and "^" in first
    verdict = by_schema(schema, path)
    assert (verdict is None) == (unsayable is not None), verdict


def test_the_schema_documents_every_key(schema):
    """What an editor shows: each key has a description, each default is one the schema accepts."""
    def walk(s, where):
        assert s.get("description") or where in ("", "/*"), where
        if "default" in s:
            bare = {k: v for k, v in s.items() if k != "default"} | {"$defs": schema.schema["$defs"]}
            assert jsonschema.Draft202012Validator(bare).is_valid(s["default"]), where
        for k, v in s.get("properties", {}).items():
            walk(v, f"{where}/{k}")
        for k in ("additionalProperties", "items"):
            if isinstance(s.get(k), dict):
                for key, v in s[k].get("properties", {}).items():
                    walk(v, f"{where}/*/{key}")
    walk(schema.schema, "")
