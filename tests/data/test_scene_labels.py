"""From MIT-67's layout to prepared images with labels."""

import hashlib
import io
import tarfile

import numpy as np
import pytest
from etils import epath
from PIL import Image
from tensorflow_datasets.core.download import checksums

from data import catalog, images
from data.indoor_scenes import reader
from data.mit67.mit67_dataset_builder import Builder
from errors import UserError
from tests.data.local_server import serving
from tests.data.writers import write_indoor_scenes

NAMES = ("mit67", "scenes15")


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """The folder where prepared copies go."""
    folder = tmp_path / "tfds"
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    return folder


def elements(prepared, split):
    return list(prepared.examples(split).as_numpy_iterator())


@pytest.mark.parametrize("name", NAMES)
def test_prepared_scene_holds_what_the_reader_reads(tmp_path, copies, name):
    # Five training images of each category: one of each kind that goes by the ending .jpg.
    scene_dir = write_indoor_scenes(tmp_path / name, train=5, size=(320, 240))
    prepared = catalog.prepare(name, name, str(tmp_path))
    assert prepared.classes == ("bakery", "kitchen", "office")
    assert prepared.sequences("train") == [f"fold-{fold}" for fold in range(5)]
    assert prepared.sequences("test") == ["test"]
    for split in ("train", "test"):
        records = reader.read_split(scene_dir, split)
        examples = elements(prepared, split)
        assert [e["name"].decode() for e in examples] == [r.name for r in records]
        assert [e["sequence"].decode() for e in examples] == [r.sequence for r in records]
        assert [e["label"] for e in examples] == [r.label for r in records]
        assert all(e["label"].dtype == np.int64 for e in examples)
        assert prepared.size(split) == len(records)
        for example, record in zip(examples, records, strict=True):
            stored = Image.open(io.BytesIO(example["image"]))
            assert (stored.format, stored.mode, stored.size) == ("PNG", "RGB", (256, 256))
            expected = images.resize_square(images.decode_rgb(record.image))
            np.testing.assert_array_equal(np.asarray(stored), expected)


def test_classes_are_known_from_the_prepared_copy(tmp_path, copies):
    write_indoor_scenes(tmp_path / "mit67", ("ice cream", "bar"), train=1, test=1)
    first = catalog.prepare("mit67", "mit67", str(tmp_path))
    again = catalog.prepare("mit67", "mit67", str(tmp_path))
    assert again.builder is not first.builder
    assert again.classes == first.classes == ("bar", "ice cream")


def test_other_categories_are_another_copy(tmp_path, copies):
    write_indoor_scenes(tmp_path / "mit67", ("b", "c"), train=1, test=1)
    assert catalog.prepare("mit67", "mit67", str(tmp_path)).classes == ("b", "c")
    write_indoor_scenes(tmp_path / "mit67", ("a", "b", "c"), train=1, test=1)
    prepared = catalog.prepare("mit67", "mit67", str(tmp_path))
    assert prepared.classes == ("a", "b", "c")
    assert [e["label"] for e in elements(prepared, "test")] == [0, 1, 2]


def test_photograph_taken_on_its_side_is_turned_upright(tmp_path, copies):
    scene_dir = write_indoor_scenes(tmp_path / "mit67", ("bar",), train=1, test=1)
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:20] = 255  # The sky, stored on top, is seen at the right of the upright image.
    exif = Image.Exif()
    exif[0x0112] = 6
    path = scene_dir / "Images" / "bar" / "bar 00.jpg"
    Image.fromarray(pixels).save(path, exif=exif)
    example = elements(catalog.prepare("mit67", "mit67", str(tmp_path)), "train")[0]
    image = np.asarray(Image.open(io.BytesIO(example["image"])))
    assert image[:, 200:].mean() > 250
    assert image[:, :56].mean() < 5


def test_image_in_both_splits(tmp_path, copies):
    scene_dir = write_indoor_scenes(tmp_path / "mit67", ("bar",), train=2, test=1)
    with open(scene_dir / "TestImages.txt", "a") as file:
        file.write("bar/bar 01.jpg\n")
    with pytest.raises(UserError, match=r"lists 1 images, such as bar/bar 01, for train"):
        catalog.prepare("mit67", "mit67", str(tmp_path))


def test_image_that_does_not_decode(tmp_path, copies):
    scene_dir = write_indoor_scenes(tmp_path / "mit67", ("bar",), train=2, test=1)
    (scene_dir / "Images" / "bar" / "bar 01.jpg").write_text("<html>404</html>")
    with pytest.raises(UserError, match=r"bar 01\.jpg does not decode"):
        catalog.prepare("mit67", "mit67", str(tmp_path))
    assert catalog.prepare("mit67", "mit67", str(tmp_path), skip_bad=True).size("train") == 1


MISSING = [
    ("mit67", r"mit67 is missing: download http://.*/indoorCVPR_09\.tar .*/TestImages\.txt beside"),
    ("scenes15", r"scenes15 is missing: .*scene_categories\.zip.* DIR/scenes15/TrainImages\.txt"),
]


@pytest.mark.parametrize(("name", "message"), MISSING)
def test_missing_data_set_says_what_to_fetch(tmp_path, name, message):
    with pytest.raises(UserError, match=message):
        catalog.prepare(name, name, str(tmp_path))


def test_scenes15_is_never_downloaded(copies):
    with pytest.raises(UserError, match="fetch the images of 15 Scenes from the authors' page"):
        catalog.prepare("scenes15", "scenes15", None)


def test_tasks():
    tasks = {name: entry.task for name, entry in catalog.DATASETS.items()}
    assert {name for name, task in tasks.items() if task == "scene"} == set(NAMES)
    assert set(tasks.values()) == {"pose", "scene", "digit", "game"}
    for name in NAMES:
        entry = catalog.DATASETS[name]
        assert tuple(entry.builder.builder_configs) == entry.scenes == (name,)
        assert entry.builder.LICENSE.endswith(".")


@pytest.fixture
def server(tmp_path, copies, monkeypatch):
    """Serves MIT-67's archive and lists; yields their folder, URLs and the file for checksums."""
    site = write_indoor_scenes(tmp_path / "site", train=2, test=1)
    pack(site)
    recorded = tmp_path / "checksums.tsv"
    with serving(site) as base:
        urls = [f"{base}/{name}" for name in ("indoor.tar", *reader.SPLIT_FILES.values())]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(Builder, "urls", classmethod(lambda cls, scene: urls))
        monkeypatch.setattr(Builder, "_checksums_path", epath.Path(recorded))
        yield site, urls, recorded


def pack(site):
    with tarfile.open(site / "indoor.tar", "w") as archive:
        archive.add(site / "Images", "Images")


def test_download_of_archive_and_lists(server, capfd):
    site, urls, recorded = server
    prepared = catalog.prepare("mit67", "mit67", None)
    assert prepared.classes == ("bakery", "kitchen", "office")
    assert (prepared.size("train"), prepared.size("test")) == (6, 3)
    shown = capfd.readouterr().err
    assert f"Licence: {Builder.LICENSE}" in shown
    infos = checksums.load_url_infos(recorded)
    for url in urls:
        assert url in shown
        content = (site / url.rpartition("/")[2]).read_bytes()
        assert infos[url].checksum == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", reader.SPLIT_FILES.values())
@pytest.mark.parametrize("page", ["<p>Moved.</p>", "<html>", "<a href=https://mit.edu/x>here</a>"])
def test_list_that_is_a_page_leaves_no_checksum(server, name, page):
    site, _, recorded = server
    good = (site / name).read_text()
    (site / name).write_text(page)
    with pytest.raises(UserError, match=name):
        catalog.prepare("mit67", "mit67", None)
    assert not recorded.exists()
    (site / name).write_text(good)
    assert catalog.prepare("mit67", "mit67", None).size("test") == 3


def test_list_that_is_not_there(server):
    site, _, recorded = server
    (site / "TrainImages.txt").unlink()
    with pytest.raises(UserError, match=r"TestImages\.txt cannot be downloaded or unpacked") as why:
        catalog.prepare("mit67", "mit67", None)
    assert "\n" not in str(why.value)
    assert not recorded.exists()


def test_bad_image_does_not_cost_the_download(server, monkeypatch):
    site, urls, recorded = server
    (site / "Images" / "office" / "office 01.jpg").write_text("no image")
    pack(site)
    with pytest.raises(UserError, match=r"office 01\.jpg does not decode"):
        catalog.prepare("mit67", "mit67", None)
    infos = checksums.load_url_infos(recorded)
    assert set(infos) == set(urls)
    monkeypatch.setattr(Builder, "url_infos", infos)  # As a new process reads them.
    for name in ("indoor.tar", *reader.SPLIT_FILES.values()):
        (site / name).unlink()
    assert catalog.prepare("mit67", "mit67", None, skip_bad=True).size("train") == 5
