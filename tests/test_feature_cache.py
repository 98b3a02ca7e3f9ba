"""Training on features that are kept: computed once, the same crops, the same end after a kill."""

import json
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from data.features import Pass
from data.sources import open_source
from errors import UserError
from feature_cache import cached_batches, fingerprint, require_space
from models.googlenet import GoogLeNet
from run_folder import RunFolder, build_task, load_network
from tasks.callbacks import EpochSeconds
from tests.data.writers import write_indoor_scenes, write_seven_scenes
from tests.runs import resolved, weights_in, write_pretrained
from training import PICTURES, describe_data, train
from weights.pretrained import open_pretrained, start_from

FRAMES = 5  # to train on, and as many to validate on
EPOCHS = 3
FLAGS = [
    "--image_size=64", "--grid=2", "--depth=8", "--hidden=8", "--batch_size=4", "--verbose=0",
    "--steps=1", "--layers=3a,3b", "--freeze=3b", "--cached_crops=2", f"--epochs={EPOCHS}",
    "--learning_rate=1e-3", "--lstm_kernels=1", "--attention=convolutional",
    "--mixed_precision=none",
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Images, pretrained weights, prepared copies."""
    root = tmp_path_factory.mktemp("root")
    write_seven_scenes(root / "7scenes", train=(1, 3), frames=FRAMES)
    write_indoor_scenes(root / "scenes15", train=4, test=2)
    write_pretrained(root / "tiny.weights.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(root / "tfds"))
        yield root


@pytest.fixture(scope="module")
def configuration(root):
    """The resolved configuration of a command line."""
    data = ["--dataset=7scenes", "--scene=chess", f"--data_dir={root}"]
    start = f"--pretrained={root / 'tiny.weights.h5'}"
    return lambda run_dir, *flags: resolved(
        *data, start, *FLAGS, f"--run_dir={root / run_dir}", *flags
    )


@pytest.fixture
def seen(monkeypatch):
    """Counts the images on which the trunk is run."""
    return count_images(monkeypatch)


def count_images(monkeypatch):
    counter, call = SimpleNamespace(images=0), GoogLeNet.call

    def count(images):
        counter.images += int(images)

    def counted(self, images):
        tf.py_function(count, [tf.shape(images)[0]], [])
        return call(self, images)

    monkeypatch.setattr(GoogLeNet, "call", counted)
    return counter


@pytest.fixture(scope="module")
def finished(configuration, root):
    """A finished run, the number of images that its trunk saw, and the folder as it was before.

    The folder is what a kill at the start of the last epoch leaves.
    """
    config, begin = configuration("finished"), EpochSeconds.on_epoch_begin

    def copy(self, epoch, logs=None):
        if epoch == EPOCHS - 1:
            shutil.copytree(config["run_dir"], root / "broken")
        begin(self, epoch, logs)

    with pytest.MonkeyPatch.context() as patch:
        counter = count_images(patch)
        patch.setattr(EpochSeconds, "on_epoch_begin", copy)
        return train(config), counter.images, root / "broken"


def test_the_trunk_sees_each_crop_once_and_stays_as_it_is(finished, root):
    run, images, _ = finished
    assert images == 2 * FRAMES + FRAMES + EPOCHS * PICTURES
    network = load_network(run, "last")
    ours = {weight.path.split("trunk/")[1]: weight for weight in network.trunk.weights}
    for weight in open_pretrained(root / "tiny.weights.h5").network.trunk.weights:
        name = weight.path.split("trunk/")[1]
        if name in ours:
            np.testing.assert_array_equal(ours.pop(name), weight, err_msg=name)
    assert not ours
    keras.utils.set_random_seed(run.config["seed"])
    new = build_task(run.config).network
    for part in ("adapters", "step_heads"):
        for after, before in zip(getattr(network, part), getattr(new, part), strict=True):
            moved = np.abs(after.weights[0] - before.weights[0])
            assert 1e-4 < moved.max() < 0.1, "trained, from the same start"
    assert (run.path / "finished.json").exists()
    assert not (run.path / "features").exists()


def test_a_run_broken_off_goes_on_with_its_features_and_ends_the_same(
    finished, configuration, seen, capsys
):
    unbroken, _, folder = finished
    run = train(configuration(folder))
    assert f"goes on after epoch {EPOCHS - 1}" in capsys.readouterr().out
    assert seen.images == PICTURES
    for name in ("last", "best"):
        expected, found = (weights_in(each.weights(name)) for each in (unbroken, run))
        assert expected.keys() == found.keys()
        for path, value in expected.items():
            np.testing.assert_array_equal(found[path], value, err_msg=path)


@pytest.fixture(params=["7scenes", "scenes15"])
def material(request, configuration, root, tmp_path):
    """A run folder with its pretrained task and data, as `train` has them before `fit`."""
    flags = ["--scene=scenes15"] if request.param == "scenes15" else []
    config = configuration(tmp_path / "run", f"--dataset={request.param}", *flags)
    source = open_source(config, config["data_dir"])
    training, validation = source.train_and_validation(0.2)
    start = open_pretrained(config["pretrained"])
    run = RunFolder.create(config | describe_data(config["task"], training, validation, start))
    task = build_task(run.config)
    start_from(task.network, start)
    return SimpleNamespace(
        run=run, network=task.network, training=training, validation=validation,
        options=source.train_options,
    )  # fmt: skip


def cached(material, first_epoch=0):
    m = material
    return cached_batches(m.run, m.network, m.training, m.validation, m.options, first_epoch)


def test_features_and_targets_are_those_of_the_images_that_fit_would_see(material):
    size, seed = material.run.config["batch_size"], material.run.config["seed"]
    assert material.options["mirror"] or material.options["focal_length"]
    kept, kept_validation = cached(material)
    steps = -(-len(material.training) // size)
    images = material.training.train_batches(size, seed, 0, **material.options).take(2 * steps)
    pairs = [
        *zip(kept.take(2 * steps), images, strict=True),
        *zip(kept_validation, material.validation.test_batches(size), strict=True),
    ]
    for (maps, targets), (batch, expected) in pairs:
        np.testing.assert_array_equal(targets, expected)
        for tap, values in material.network.features(batch).items():
            assert np.abs(values).max() > 1
            np.testing.assert_allclose(maps[tap], values, rtol=1e-3, atol=1e-4, err_msg=tap)


@pytest.mark.parametrize("material", ["7scenes"], indirect=True)
def test_what_is_there_is_used_again_unless_trunk_or_images_are_others(material, seen):
    cached(material)
    assert seen.images == 3 * FRAMES
    cached(material, first_epoch=2)
    assert seen.images == 3 * FRAMES
    folder = material.run.path / "features"
    first, second = (Pass.open(folder / f"crop-{number}") for number in range(2))
    kept = {tap: np.array(values) for tap, values in first.maps.items()}
    assert not np.array_equal(kept["3a"], second.maps["3a"])
    (folder / "crop-0/targets.npy").write_bytes(b"")
    with pytest.raises(UserError, match="crop-0 is damaged: delete it, and it is made again"):
        cached(material)
    shutil.rmtree(folder / "crop-0")
    cached(material)
    assert seen.images == 4 * FRAMES
    for tap, values in Pass.open(folder / "crop-0").maps.items():
        np.testing.assert_array_equal(values, kept[tap])
    bias = material.network.trunk.blocks[0].conv_1x1.bias
    bias.assign(bias + 1.0)
    cached(material)
    assert seen.images == 7 * FRAMES
    assert not np.array_equal(Pass.open(folder / "crop-0").maps["3a"], kept["3a"])

    def print_of(training, **flags):
        config = material.run.config | flags
        return json.dumps(fingerprint(config, material.network, training, None))

    others = [print_of(material.training, seed=7), print_of(material.training, focal_length=9.0)]
    prints = {print_of(material.training), print_of(material.validation), *others}
    assert len(prints) == 4
    assert print_of(material.training) in prints


def test_a_disk_that_is_too_small_is_said_before_there_is_a_run(configuration, monkeypatch, root):
    needed = 15 * 4 * (256 + 480) * 2  # crops, cells, channels, bytes
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=needed - 1))
    config = configuration("small")
    with pytest.raises(UserError) as caught:
        train(config)
    for word in ("small/features", "15 crops", "GB", "--cached_crops", "--run_dir"):
        assert word in str(caught.value)
    assert not (root / "small").exists()
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=needed))
    require_space(config, range(FRAMES), range(FRAMES))


@pytest.mark.parametrize("material", ["7scenes"], indirect=True)
def test_a_disk_that_runs_full_is_said_too(material, fill_disk):
    fill_disk()
    with pytest.raises(UserError, match="features cannot be written: No space left on device"):
        cached(material)


@pytest.mark.parametrize(
    ("flags", "crops"),
    [
        ([], 2),
        (["--model=spatial_attention", "--layers=3b"], 2),
        (["--model=layer_attention"], 2),
        (["--cached_crops=0"], None),
        (["--freeze=3a"], None),
        (["--model=posenet", "--layers=3b", "--freeze=5b"], None),
        (["--dataset=mnist", "--scene=mnist"], None),
    ],
)
def test_only_runs_that_keep_features_have_the_flag(flags, crops, configuration):
    if flags[:1] == ["--dataset=mnist"]:
        assert "cached_crops" not in resolved("--dataset=mnist")
        with pytest.raises(UserError, match="--cached_crops means nothing for --dataset=mnist"):
            resolved("--dataset=mnist", "--cached_crops=3")
        return
    assert configuration("any", *flags).get("cached_crops") == crops
