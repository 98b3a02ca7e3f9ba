"""What can be wrong with a run that is finished, or has become wrong with its data since."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data.sources import open_source
from evaluation.evaluate import evaluate
from run_folder import NAMED, RunFolder
from tasks.results import image_file_name
from tests.data.writers import write_seven_scenes
from tests.runs import make_run, resolved, spoil
from tests.sentences import flags_on, sentence
from training import train

pytestmark = pytest.mark.usefixtures("eagerly", "prepared_copies")


class TestAfterTraining:
    """Of one training; each test has it, and its scene, as they were after it."""

    @pytest.fixture(scope="class")
    def trained(self, tmp_path_factory):
        """Where the training lies, and a copy of it."""
        place = tmp_path_factory.mktemp("trained")
        scene = write_seven_scenes(place / "now/data/7scenes", train=(1, 3), frames=2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TFDS_DATA_DIR", str(place / "tfds"))
            train(resolved(*flags_on(scene, place / "now/run")))
        shutil.copytree(place / "now", place / "then")
        return place

    @pytest.fixture
    def scene(self, trained):
        shutil.rmtree(trained / "now")
        shutil.copytree(trained / "then", trained / "now")
        return trained / "now/data/7scenes/chess"

    @pytest.fixture
    def run(self, scene, trained):
        return RunFolder.open(trained / "now/run")

    @pytest.fixture
    def again(self, scene, run):
        """Gives the same command, with more flags."""
        return lambda *flags: train(resolved(*flags_on(scene, run.path), *flags))

    def test_other_flags(self, again):
        text = sentence(again, "--beta=7")
        assert "--beta=120.0, not 7.0" in text
        other = sentence(again, "--model=posenet", "--layers=3a,3b,4e,5b")
        assert "--model=joint_attention, not posenet" in other

    def test_the_flag_that_was_given_is_told_and_not_what_follows_from_it(self, run, again):
        assert "--steps=1, not 2" in sentence(again, "--steps=2")  # nor is --step_weight
        by_name = run.config | {"validation_fraction": None}  # as with --validation_sequences
        (run.path / "config.json").write_text(json.dumps(by_name))
        assert "a run without --validation_fraction=0.1: give the same" in sentence(again)

    def test_a_run_that_cannot_be_left_as_finished_is_not(self, run, fill_disk):
        (run.path / "finished.json").unlink()
        fill_disk()
        assert "finished.json cannot be written: No space" in sentence(run.mark_finished, {})
        assert not (run.path / "finished.json").exists()

    def test_a_disk_too_full_for_tensorboard(self, run, again, monkeypatch):
        shutil.rmtree(run.path)

        def full(self, epoch, logs=None):
            raise tf.errors.ResourceExhaustedError(None, None, "events; No space left on device")

        monkeypatch.setattr(keras.callbacks.TensorBoard, "on_epoch_end", full)
        assert "tensorboard cannot be written: No space left" in sentence(again)

    def test_what_flags_tell_is_told_before_the_data_are_read(self, again, scene, tmp_path):
        shutil.rmtree(scene)
        (tmp_path / "file").write_text("")
        for flag, words in {
            "--beta=7": "beta=120.0",
            f"--run_dir={tmp_path / 'file/run'}": "is a file",
            f"--run_dir={tmp_path}": "not empty",
            f"--pretrained={tmp_path / 'file'}": "file",
        }.items():
            text = sentence(again, flag)
            assert words in text and scene.name not in text, text

    def test_other_images(self, again, scene):
        (scene / "TrainSplit.txt").write_text("sequence1\n")
        assert "other images" in sentence(again)

    def test_an_evaluation_on_other_images(self, run, scene):
        (scene / "TrainSplit.txt").write_text("sequence1\n")
        held_out = run.config["validation_sequences"]
        assert held_out == ["seq-03"]
        assert "no sequence seq-03, which it held out" in sentence(evaluate, run, "test")
        write_seven_scenes(scene.parent, train=(1, 3, 4), frames=2)
        assert "4 training images, not 2" in sentence(evaluate, run, "test")

    def test_retrieval_finds_images_that_were_trained_on(self, run, scene):
        """And the report's pictures are of the images that they are shown as."""
        assert run.config["validation_sequences"] == ["seq-03"]
        shutil.rmtree(scene / "seq-02")
        shutil.copytree(scene / "seq-01", scene / "seq-02")
        found = evaluate(run, "test")["baselines"]["retrieval"]
        assert found["mean_position_m"] == pytest.approx(0, abs=1e-6)
        assert found["mean_orientation_deg"] == pytest.approx(0, abs=1e-3)
        split = open_source(run.config, run.config["data_dir"]).load("test")
        images = np.concatenate([batch for batch, _ in split.test_batches(8)])
        for row in range(len(split)):
            with Image.open(run.path / "test/images" / image_file_name(row)) as picture:
                errors = np.abs(images - np.asarray(picture, float)).mean(axis=(1, 2, 3))
            assert errors.argmin() == row

    def test_other_images_of_the_same_number(self, run, again, scene):
        """The split drawn again, or other poses: names and number of sequences stay."""
        first, second = (scene / f"seq-01/frame-00000{frame}.pose.txt" for frame in (0, 1))
        first.write_text(second.read_text())
        assert "as many training images, but others" in sentence(evaluate, run, "test")
        assert "other images" in sentence(again)

    def test_runs_of_old_have_no_checksum_of_their_images(self, run):
        assert run.config.pop("train_crc32")
        assert evaluate(run, "test")

    def test_answers_that_are_no_numbers(self, run):
        spoil(run.weights("best"))
        assert "answers with what is no number" in sentence(evaluate, run, "test")

    def test_results_that_cannot_be_written(self, run):
        (run.path / "test/predictions.csv").mkdir(parents=True)
        assert f"{run.path / 'test'} cannot be written" in sentence(evaluate, run, "test")

    def test_checkpoint_of_another_model(self, run, tmp_path):
        other = make_run(tmp_path / "posenet", model="posenet")
        shutil.copy(other.weights("best"), run.weights("best"))
        text = sentence(evaluate, run, "test")
        assert str(run.weights("best")) in text

    def test_checkpoint_that_is_no_checkpoint(self, run):
        run.weights("best").write_text("not weights")
        assert str(run.weights("best")) in sentence(evaluate, run, "test")

    def test_checkpoints_that_are_damaged(self, run, again):
        """The length is right, and the signature at the start."""
        for path in (run.weights("best"), run.weights("last")):
            content = path.read_bytes()
            path.write_bytes(content[:500].ljust(len(content), b"\0"))
        assert "or is broken" in sentence(evaluate, run, "test")
        (run.path / "finished.json").unlink()
        text = sentence(again)
        assert f"{run.weights('last')} is no usable checkpoint" in text

    def test_another_process_at_work(self, run, again):
        with run.locked():
            assert f"another process trains in {run.path}" in sentence(again)
        (run.path / "checkpoints/.1.part.best.weights.h5").write_text("left by a kill")
        again()
        assert not list(run.path.rglob(".*"))

    def test_missing_checkpoint(self, run):
        run.weights("best").unlink()
        assert "only a record" in sentence(evaluate, run, "test")
        (run.path / "finished.json").unlink()
        assert "train an epoch first" in sentence(evaluate, run, "test")

    def test_broken_configuration(self, run):
        (run.path / "config.json").write_text(json.dumps(run.config)[:100])
        assert "config.json" in sentence(RunFolder.open, run.path)
        for name in NAMED:
            rest = {key: value for key, value in run.config.items() if key != name}
            (run.path / "config.json").write_text(json.dumps(rest))
            assert f"it names no {name}" in sentence(RunFolder.open, run.path)
        for content in ("null", "5", '["network", "task"]'):
            (run.path / "config.json").write_text(content)
            assert "it holds no flags" in sentence(RunFolder.open, run.path)
        (run.path / "config.json").write_text(json.dumps(run.config | {"task": "scene"}))
        assert "it names no class_names" in sentence(RunFolder.open, run.path)
        for name in ("task", "model"):
            (run.path / "config.json").write_text(json.dumps(run.config | {name: "foo"}))
            assert f"{name} 'foo' is none of" in sentence(RunFolder.open, run.path)
        network = run.config["network"] | {"initial_pose": "north"}
        (run.path / "config.json").write_text(json.dumps(run.config | {"network": network}))
        assert "describes no network" in sentence(evaluate, RunFolder.open(run.path), "test")

    def test_images_that_are_gone(self, run, scene):
        shutil.rmtree(scene)
        assert str(scene) in sentence(evaluate, run, "test")
