"""Downloading from a server on this machine, with checksums; nothing outside it is asked."""

import hashlib
import zipfile

import pytest
from etils import epath
from tensorflow_datasets.core.download import checksums

from data import catalog
from data.seven_scenes.seven_scenes_dataset_builder import Builder
from errors import UserError
from tests.data.local_server import serving
from tests.data.writers import write_seven_scenes


def write_archive(folder):
    """Writes `folder/chess.zip` as Microsoft packs it: in it a zip for each sequence."""
    scene = write_seven_scenes(folder / "unpacked", train=(1,), test=(2,), frames=2)
    archive = folder / "chess.zip"
    with zipfile.ZipFile(archive, "w") as outer:
        for path in sorted(scene.iterdir()):
            if path.is_dir():
                inner_path = path.with_suffix(".zip")
                with zipfile.ZipFile(inner_path, "w") as inner:
                    for frame in sorted(path.iterdir()):
                        inner.write(frame, frame.relative_to(scene))
                path = inner_path
            outer.write(path, path.relative_to(scene.parent))
    return archive


@pytest.fixture
def server(tmp_path, prepared_copies, monkeypatch):
    """Serves `chess.zip`; yields the archive, its URL and the file for checksums."""
    archive = write_archive(tmp_path)
    with serving(tmp_path) as base:
        recorded = tmp_path / "checksums.tsv"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(Builder, "url", classmethod(lambda cls, scene: f"{base}/{scene}.zip"))
        monkeypatch.setattr(Builder, "_checksums_path", epath.Path(recorded))
        yield archive, f"{base}/chess.zip", recorded


def test_first_download_shows_the_licence_and_records_the_checksum(server, capfd):
    archive, url, recorded = server
    prepared = catalog.prepare("7scenes", "chess", None)
    assert prepared.sequences("train") == ["seq-01"]
    assert prepared.size("train") == prepared.size("test") == 2
    assert f"Licence: {Builder.LICENSE}" in capfd.readouterr().err
    info = checksums.load_url_infos(recorded)[url]
    assert info.checksum == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert info.size == archive.stat().st_size


def test_later_download_is_held_against_the_recorded_checksum(server, monkeypatch):
    archive, url, recorded = server
    expected = checksums.UrlInfo(
        size=archive.stat().st_size, checksum="0" * 64, filename="chess.zip"
    )
    monkeypatch.setattr(Builder, "url_infos", {url: expected})
    with pytest.raises(UserError, match=r"chess\.zip cannot be downloaded or unpacked \(.*wrong"):
        catalog.prepare("7scenes", "chess", None)
    assert not recorded.exists()


def test_download_that_is_not_there(server):
    with pytest.raises(UserError, match=r"fire\.zip cannot be downloaded or unpacked") as raised:
        catalog.prepare("7scenes", "fire", None)
    assert "\n" not in str(raised.value)


def test_download_that_is_no_archive(server):
    archive, _, recorded = server
    good = archive.read_bytes()
    archive.write_text("<html>The file has moved.</html>")
    with pytest.raises(UserError, match=r"chess\.zip cannot be downloaded or unpacked"):
        catalog.prepare("7scenes", "chess", None)
    # Neither its checksum nor the page itself stands in the way of the next try.
    assert not recorded.exists()
    archive.write_bytes(good)
    assert catalog.prepare("7scenes", "chess", None).size("train") == 2
