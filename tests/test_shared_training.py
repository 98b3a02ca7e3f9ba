"""Bayesian PoseNet takes the weights of a PoseNet that is trained already."""

import json
import shutil

import numpy as np
import pytest

from evaluation.evaluate import evaluate
from run_folder import RunFolder
from tests.commands import TINY, history
from tests.runs import resolved, weights_in
from tests.sentences import sentence
from training import train

BAYESIAN = "--model=bayesian_posenet"
HELD_OUT = "--validation_sequences=seq-01"


@pytest.fixture(scope="module")
def place(data, tmp_path_factory):
    """A folder with a finished run of PoseNet, and its data."""
    place = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(place / "tfds"))
        yield place


@pytest.fixture(scope="module")
def on_scene(data, place):
    """Trains for an epoch in a folder of a name."""
    flags = ["--dataset=7scenes", "--scene=chess", f"--data_dir={data}", *TINY, "--epochs=1"]
    return lambda name, *others: train(resolved(*flags, f"--run_dir={place / name}", *others))


@pytest.fixture(scope="class")
def posenet(on_scene, eagerly):
    return on_scene("posenet", "--model=posenet", HELD_OUT)


class TestSharedTraining:
    def test_it_is_as_if_it_had_been_trained(self, posenet, on_scene):
        told = f"--posenet_run={posenet.path}"
        shared = on_scene("shared", BAYESIAN, HELD_OUT, told)
        alone = on_scene("alone", BAYESIAN, HELD_OUT)
        found, expected = (weights_in(run.weights("best")) for run in (shared, alone))
        assert found.keys() == {name for name in expected if not name.startswith("optimizer/")}
        for name, values in found.items():
            np.testing.assert_array_equal(values, expected[name], err_msg=name)
        assert history(shared.path) == history(posenet.path)
        assert history(shared.path)[0]["loss"] == history(alone.path)[0]["loss"]
        assert evaluate(shared, "validation")["uncertainty"]["position"]["error_per_spread"] == (
            pytest.approx(1, rel=1e-3)
        )
        # Broken off, it does the same again; finished, it is what it is, whatever is told.
        (shared.path / "finished.json").unlink()
        shared.weights("best").unlink()
        for flags in ((told,), (), ("--posenet_run=/nowhere",)):
            on_scene("shared", BAYESIAN, HELD_OUT, *flags)
            for name, values in weights_in(shared.weights("best")).items():
                np.testing.assert_array_equal(values, found[name], err_msg=name)
        assert not shared.weights("last").exists()
        assert "posenet_run" not in alone.config

    @pytest.mark.parametrize(
        ("flags", "words"),
        [
            (["--beta=7"], "holds a run with --beta=120.0, not 7.0: give the same flags and data"),
            (["--validation_sequences=seq-03"], "holds a run on other images: give the same"),
        ],
    )
    def test_others_are_refused(self, flags, words, posenet, on_scene, place):
        told = [BAYESIAN, HELD_OUT, f"--posenet_run={posenet.path}", *flags]
        assert words in sentence(on_scene, "refused", *told)
        assert not (place / "refused").exists()

    def test_what_is_no_trained_posenet_is_refused(self, posenet, on_scene, place):
        copy = place / "copy"
        shutil.copytree(posenet.path, copy)
        told = ["refused", BAYESIAN, HELD_OUT, f"--posenet_run={copy}"]
        (copy / "finished.json").rename(copy / "finished")
        assert "has not come to its end" in sentence(on_scene, *told)
        (copy / "finished").rename(copy / "finished.json")
        (copy / "checkpoints/best.weights.h5").unlink()
        assert "best.weights.h5 is missing" in sentence(on_scene, *told)
        config = RunFolder.open(copy).config
        (copy / "config.json").write_text(json.dumps(config | {"model": "lstm_posenet"}))
        assert "holds a run of lstm_posenet: name one of posenet" in sentence(on_scene, *told)
        assert "holds no run" in sentence(on_scene, *told[:-1], f"--posenet_run={place / 'no'}")
        assert not (place / "refused").exists()
