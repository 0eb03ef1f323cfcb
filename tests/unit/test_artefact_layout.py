"""Whatever is changed in a layout is found before it is used."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantroom.delivery.artefacts.model import Artefact
from plantroom.delivery.artefacts.service import Artefacts
from plantroom.kernel.errors import ArtefactError

DEFINITION = """
application: site
version: "1.0"
processes:
  web: {command: [serve, "{port}"], health: /}
schema: {initial: schema.sql}
"""


def make(directory: Path) -> tuple[Artefacts, Artefact]:
    source = directory / "source"
    source.mkdir()
    (source / "plantroom.app.yaml").write_text(DEFINITION)
    (source / "schema.sql").write_text("CREATE TABLE t ();")
    (source / "page").write_text("hello" * 1000)
    artefacts = Artefacts(directory / "layout")
    return artefacts, artefacts.build(source)


@pytest.fixture
def built(tmp_path: Path) -> tuple[Artefacts, Artefact]:
    return make(tmp_path)


def layer(artefacts: Artefacts, artefact: Artefact) -> Path:
    return artefacts.layout.blob_path(artefact.layers[0].digest)


def config(artefacts: Artefacts, artefact: Artefact) -> Path:
    assert artefact.config is not None
    return artefacts.layout.blob_path(artefact.config.digest)


def manifest(artefacts: Artefacts, artefact: Artefact) -> Path:
    return artefacts.layout.blob_path(artefact.digest)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-512])


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("blob", "tamper", "code"),
    [
        (layer, truncate, "PR302"),
        (layer, grow, "PR302"),
        (layer, alter, "PR303"),
        (layer, Path.unlink, "PR301"),
        (config, alter, "PR303"),
        (config, grow, "PR302"),
        (config, Path.unlink, "PR301"),
        (manifest, alter, "PR303"),
        (manifest, grow, "PR303"),
        (manifest, Path.unlink, "PR301"),
    ],
)
async def test_a_damaged_blob_is_named_and_nothing_is_unpacked(
    built: tuple[Artefacts, Artefact],
    tmp_path: Path,
    blob: Callable[[Artefacts, Artefact], Path],
    tamper: Callable[[Path], None],
    code: str,
) -> None:
    artefacts, artefact = built
    path = blob(artefacts, artefact)
    tamper(path)
    with pytest.raises(ArtefactError) as found:
        artefacts.verify("site@1.0")
    assert found.value.code == code
    assert path.name in found.value.subject
    assert found.value.limit.startswith("expected ")
    with pytest.raises(ArtefactError) as refused:
        await artefacts.layout.unpack(artefact.digest, tmp_path / "unpacked" / "site")
    assert refused.value.code == code
    assert [name for name in (tmp_path / "unpacked").iterdir() if not name.name.endswith(".lock")] == []


def rewrite(artefacts: Artefacts, change: Callable[[dict[str, object]], object]) -> None:
    path = artefacts.layout.root / "index.json"
    data = json.loads(path.read_text())
    change(data["manifests"][0])
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda entry: entry.update(annotations={"org.opencontainers.image.ref.name": "site@9.9"}), "PR305"),
        (lambda entry: entry.update(annotations={}), "PR305"),
        (lambda entry: entry.update(digest="sha256:../../../etc/passwd"), "PR305"),
        (lambda entry: entry.update(digest="sha256:" + "0" * 64), "PR301"),
        (lambda entry: entry.clear(), "PR305"),
    ],
)
def test_an_altered_index_is_not_believed(
    built: tuple[Artefacts, Artefact], change: Callable[[dict[str, object]], object], code: str
) -> None:
    artefacts, _ = built
    rewrite(artefacts, change)
    with pytest.raises(ArtefactError) as found:
        artefacts.list()
    assert found.value.code == code


def test_an_index_that_leads_to_another_artefact_is_not_believed(
    built: tuple[Artefacts, Artefact], tmp_path: Path
) -> None:
    artefacts, artefact = built
    definition = tmp_path / "source" / "plantroom.app.yaml"
    definition.write_text(DEFINITION.replace("1.0", "1.1"))
    newer = artefacts.build(tmp_path / "source")
    rewrite(artefacts, lambda entry: entry.update(digest=newer.digest))
    with pytest.raises(ArtefactError, match=r"PR305.*is site@1\.0, but that is site@1\.1"):
        artefacts.show("site@1.0")
    with pytest.raises(ArtefactError, match="PR304"):  # and by its digest, which plans hold, it is just not there
        artefacts.show(artefact.digest)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"manifests": 1}', '{"manifests": [1]}', "[" * 100_000])
def test_an_index_that_is_none_is_refused(built: tuple[Artefacts, Artefact], text: str) -> None:
    artefacts, _ = built
    (artefacts.layout.root / "index.json").write_text(text)
    with pytest.raises(ArtefactError, match="PR305"):
        artefacts.show("site@1.0")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(artifactType="application/vnd.example.other"),
        lambda data: data.update(layers=[{"mediaType": "text/plain", "digest": "sha256:" + "0" * 64, "size": 1}]),
        lambda data: data["config"].update(digest="sha256:../../secret"),
        lambda data: data["config"].update(size=-1),
        lambda data: data.pop("config"),
        lambda data: data.update(layers=7),
        lambda data: data.update(layers=[{}]),
    ],
)
def test_a_manifest_of_another_kind_is_refused(
    built: tuple[Artefacts, Artefact], change: Callable[[dict[str, object]], object]
) -> None:
    """Rightly hashed, but not ours: as when somebody copies a container image into the layout."""
    artefacts, artefact = built
    data = json.loads(manifest(artefacts, artefact).read_text())
    change(data)
    content = json.dumps(data).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    artefacts.layout.blob_path(digest).write_bytes(content)
    rewrite(artefacts, lambda entry: entry.update(digest=digest))
    with pytest.raises(ArtefactError, match="PR306"):
        artefacts.verify(digest)


def test_what_is_not_there_is_said_with_what_is(built: tuple[Artefacts, Artefact], tmp_path: Path) -> None:
    artefacts, _ = built
    for name in ("site@2.0", "sha256:" + "0" * 64, "", "../../x"):
        with pytest.raises(ArtefactError, match=r"PR304.*there are: site@1\.0"):
            artefacts.show(name)
    assert Artefacts(tmp_path / "nowhere").list() == []
    with pytest.raises(ArtefactError, match=r"PR304.*none yet"):
        Artefacts(tmp_path / "nowhere").show("site@1.0")
    assert not (tmp_path / "nowhere").exists()  # reading makes nothing


def test_a_copied_layout_is_the_same(built: tuple[Artefacts, Artefact], tmp_path: Path) -> None:
    artefacts, artefact = built
    shutil.copytree(artefacts.layout.root, tmp_path / "copy")
    assert Artefacts(tmp_path / "copy").verify("site@1.0") == artefact


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Artefact]:
    artefacts, artefact = make(tmp_path_factory.mktemp("pristine"))
    return artefacts.layout.root, artefact


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_any_byte_is_found_or_harmless(pristine: tuple[Path, Artefact], data: st.DataObject) -> None:
    """One byte of one file, anywhere, is replaced: what is then verified is what was built, or an ArtefactError."""
    root, artefact = pristine
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "layout"
        shutil.copytree(root, copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file() and path.stat().st_size)
        path = data.draw(st.sampled_from(files))
        content = bytearray(path.read_bytes())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        with contextlib.suppress(ArtefactError):
            assert Artefacts(copy).verify(artefact.digest) == artefact
            for seen in Artefacts(copy).list():
                assert seen == artefact
