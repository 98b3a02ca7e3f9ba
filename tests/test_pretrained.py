"""Training from converted weights: what starts, what stays, what moves."""

import hashlib

import h5py
import keras
import numpy as np
import pytest

from errors import UserError
from models.googlenet_classifier import GoogLeNetClassifier
from run_folder import build_task, load_network
from tests.data.writers import write_seven_scenes
from tests.runs import resolved, write_pretrained
from training import train
from weights.pretrained import open_pretrained, start_from

MEAN_RGB = [90.0, 100.0, 110.0]
TINY = [
    "--image_size=64", "--grid=2", "--depth=8", "--hidden=8", "--batch_size=4",
    "--mixed_precision=none", "--verbose=0",
]  # fmt: skip

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_pretrained(tmp_path_factory.mktemp("weights") / "tiny.weights.h5", MEAN_RGB)


@pytest.fixture
def configuration(tmp_path, prepared_copies):
    """The resolved configuration of a command line on a tiny scene."""
    write_seven_scenes(tmp_path / "data/7scenes", train=(1, 3), frames=4)

    base = ["--dataset=7scenes", "--scene=chess", f"--data_dir={tmp_path / 'data'}", *TINY]
    return lambda *flags: resolved(*base, f"--run_dir={tmp_path / 'run'}", *flags)


def made_task(configuration, model):
    keras.utils.set_random_seed(0)
    data = {"mean_rgb": MEAN_RGB, "initial_pose": [1.0, 2.0, 3.0, 1.0, 0.0, 0.0, 0.0]}
    return build_task(configuration(f"--model={model}") | {"network": data})


@pytest.mark.parametrize("model", ["joint_attention", "posenet", "lstm_posenet"])
def test_only_the_starting_weights_change(model, store, configuration):
    start = open_pretrained(store)
    random, pretrained = (made_task(configuration, model).network for _ in range(2))
    parts = start_from(pretrained, start)
    assert parts == (["trunk"] if model == "joint_attention" else ["trunk", "auxiliary heads"])
    moved = set()
    for old, new in zip(random.weights, pretrained.weights, strict=True):
        assert old.path == new.path
        if not np.array_equal(old.numpy(), new.numpy()):
            moved.add("/".join(new.path.split("/")[:3]))
    inside = [path for path in moved if "/trunk" not in path]
    # Auxiliary heads take their convolutions; their dense layers belong to images of 224 pixels.
    expected = [f"task/network/auxiliary_head_{tap}" for tap in ("4a", "4d")]
    assert sorted(inside) == ([] if model == "joint_attention" else expected)

    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    theirs, ours = start.network.trunk(images), pretrained.trunk(images)
    for tap in ours:
        assert np.abs(theirs[tap]).max() > 1
        np.testing.assert_array_equal(ours[tap], theirs[tap], err_msg=tap)


def test_class_scores_start_only_among_as_many_classes(store):
    start = open_pretrained(store)
    same, other = (GoogLeNetClassifier(classes) for classes in (3, 4))
    for network in (same, other):
        network.build((None, 224, 224, 3))
    assert start_from(same, start) == ["trunk", "auxiliary heads", "class scores"]
    for ours, theirs in zip(same.weights, start.network.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
    assert start_from(other, start) == ["trunk", "auxiliary heads"]
    for ours, theirs in zip(other.auxiliary_heads, start.network.auxiliary_heads, strict=True):
        np.testing.assert_array_equal(ours.dense.kernel, theirs.dense.kernel)
        assert ours.head.score.kernel.shape != theirs.head.score.kernel.shape


def trained(configuration, *flags):
    run = train(configuration("--epochs=1", *flags))
    return run, load_network(run, "last")


def changed_blocks(network, store):
    source = open_pretrained(store).network.trunk
    return {
        layer.name
        for layer, theirs in zip(
            (network.trunk.conv1, network.trunk.conv2_reduce, network.trunk.conv2,
             *network.trunk.blocks),
            (source.conv1, source.conv2_reduce, source.conv2, *source.blocks),
            strict=False,
        )
        if not all(map(np.array_equal, layer.get_weights(), theirs.get_weights()))
    }  # fmt: skip


def test_a_run_starts_from_the_file_and_leaves_frozen_blocks(store, configuration, capsys):
    run, network = trained(configuration, f"--pretrained={store}", "--freeze=4e", "--model=posenet")
    assert "starts the trunk, the auxiliary heads" in capsys.readouterr().out
    assert changed_blocks(network, store) == {"inception_5a", "inception_5b"}
    assert run.config["network"]["mean_rgb"] == MEAN_RGB
    assert run.config["pretrained_sha256"] == hashlib.sha256(store.read_bytes()).hexdigest()


def test_the_trunk_can_learn_at_a_rate_of_its_own(store, configuration):
    flags = [f"--pretrained={store}", "--trunk_learning_rate_scale=0", "--layers=3b,4e"]
    run, network = trained(configuration, *flags)
    assert changed_blocks(network, store) == set()
    keras.utils.set_random_seed(run.config["seed"])
    new = build_task(run.config).network
    for head, untrained in zip(network.step_heads, new.step_heads, strict=True):
        assert not np.array_equal(head.regress.kernel, untrained.regress.kernel)


def test_other_weights_are_another_run_but_not_another_place(store, configuration, tmp_path):
    flags = ["--epochs=1", "--model=posenet"]
    run = train(configuration(*flags, f"--pretrained={store}"))
    copy = tmp_path / "copy.weights.h5"
    copy.write_bytes(store.read_bytes())
    assert train(configuration(*flags, f"--pretrained={copy}")).config == run.config
    with h5py.File(copy, "a") as file:
        file.attrs["note"] = "changed"
    for other in ([f"--pretrained={copy}"], []):
        with pytest.raises(UserError, match="--pretrained that it has"):
            train(configuration(*flags, *other))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--pretrained=places205"], ["places205", "download", "convert_places_caffe.py"]),
        (["--freeze=5b", "--layers=3b,4e"], ["--freeze=5b", "4e"]),
        (["--freeze=3a"], ["--freeze=3a", "random", "--pretrained"]),
    ],
)
def test_what_cannot_be(flags, words, configuration, monkeypatch, tmp_path):
    monkeypatch.setenv("WHATWHERE_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError) as caught:
        configuration(*flags)
    assert all(word in str(caught.value) for word in words), caught.value
