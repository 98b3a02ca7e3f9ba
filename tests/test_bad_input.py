"""What a user can get wrong ends in one sentence that names it, and status 2."""

import sys
from subprocess import PIPE, Popen

import numpy as np
import pytest
from PIL import Image

from configuration import unused_flags
from errors import UserError
from run_folder import RunFolder
from tests.commands import ROOT, finished, script
from tests.data.writers import write_seven_scenes
from tests.runs import resolved
from tests.sentences import flags_on, sentence
from training import train

pytestmark = pytest.mark.usefixtures("eagerly", "prepared_copies")


@pytest.fixture
def scene(tmp_path):
    return write_seven_scenes(tmp_path / "data/7scenes", train=(1, 3), frames=2)


@pytest.fixture
def on_scene(scene, tmp_path):
    """Trains on the scene, with more flags."""
    return lambda *flags: train(resolved(*flags_on(scene, tmp_path / "run"), *flags))


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--steps=0", ["--steps=0", "at least 1"]),
        ("--layers=3b,7x", ["--layers", "'7x'", "5b"]),
        ("--layers=5b,5b", ["--layers", "different"]),
        ("--model=resnet", ["--model=resnet", "posenet"]),
        ("--model=spatial_attention", ["one layer", "--layers=5b"]),
        ("--image_size=100", ["--image_size=100", "multiple of 32"]),
        ("--image_size=16", ["--image_size=16", "at least 32"]),
        ("--epochs=0", ["--epochs=0"]),
        ("--seed=-1", ["--seed=-1", "at least 0"]),
        ("--seed=4294967296", ["--seed=4294967296", "less than 4294967296"]),
        ("--l2=nan", ["--l2=nan", "at least 0"]),
        ("--l2=inf", ["--l2=inf", "finite"]),
        ("--depth=1", ["--depth=1", "at least 3"]),
        ("--dataset=7scene", ["--dataset=7scene", "7scenes"]),
        ("--beta=-1", ["--beta=-1", "greater than 0"]),
        ("--beta=nan", ["--beta=nan", "greater than 0"]),
        ("--learning_rate=inf", ["--learning_rate=inf", "finite"]),
        ("--grid=100000", ["--grid=100000", "224 pixels"]),
        ("--freeze=6a", ["--freeze=6a", "5b"]),
        ("--mirror", ["--mirror", "pose"]),
        ("--model=googlenet", ["--model=googlenet", "synthetic", "posenet"]),
        ("--pretrained=no/such.h5", ["no/such.h5", "does not exist"]),
        ("--soft_fraction=1.5", ["--soft_fraction=1.5", "between 0 and 1"]),
        ("--dropout=1", ["--dropout=1", "less than 1"]),
        ("--compute_penalty=-1", ["--compute_penalty=-1", "at least 0"]),
        ("--lstm_kernels=2,3", ["--lstm_kernels=2,3", "odd"]),
        ("--lstm_kernels=\u00b2", ["--lstm_kernels=\u00b2", "odd"]),
        ("--pretrained=~nobody-here/x.h5", ["nobody-here/x.h5", "does not exist"]),
        ("--hidden=10", ["--hidden=10", "multiple of the 4"]),
        ("--dataset=7scenes", ["--scene"]),
    ],
)
def test_flags(flag, words):
    text = sentence(resolved, flag)
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("given", "unused"),
    [
        (["--steps=3", "--grid=7", "--beta=20"], []),
        (
            ["--model=posenet", "--steps=5", "--beta=20", "--cached_crops=9"],
            ["cached_crops", "steps"],
        ),
        (["--model=layer_attention", "--attention=convolutional"], ["attention"]),
        (["--model=spatial_attention", "--layers=5b", "--balance_weight=3"], ["balance_weight"]),
        (["--dataset=mnist", "--location=random", "--location_std=0.2"], ["location_std"]),
        (["--dataset=mnist", "--model=convolutional", "--glimpses=3"], ["glimpses"]),
        (["--data_dir=/nowhere"], ["data_dir"]),
        (["--dataset=mnist", "--reward=right", "--location=random"], []),  # as if not given
    ],
)
def test_flags_without_effect_are_told_and_are_not_in_the_configuration(given, unused):
    config = resolved(*given)
    assert sorted(unused_flags(config)) == unused
    assert not config.keys() & (set(unused) - {"data_dir"})


def test_a_penalty_on_depth_needs_a_choice_of_layers():
    text = sentence(resolved, "--model=posenet", "--compute_penalty=0.1")
    assert "--compute_penalty=0.1" in text
    assert "posenet" in text
    assert resolved("--compute_penalty=0.1")["compute_penalty"] == 0.1
    assert "compute_penalty" not in resolved()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--dataset=7scenes", "--scene=attic"], ["attic", "redkitchen"]),
        (["--dataset=7scenes", "--scene=chess", "--data_dir=/nowhere"], ["/nowhere"]),
        (["--dataset=7scenes", "--scene=chess", "--data_dir=README.md"], ["is a file"]),
        (["--dataset=tum_lsi"], ["TUM-LSI"]),
    ],
)
def test_data_that_are_not_there(flags, words, tmp_path):
    text = sentence(train, resolved(*flags, f"--run_dir={tmp_path / 'run'}"))
    assert all(word in text for word in words), text
    assert not (tmp_path / "run").exists()


def test_truncated_png(scene, on_scene):
    path = scene / "seq-01/frame-000001.color.png"
    path.write_bytes(path.read_bytes()[:200])
    assert str(path) in sentence(on_scene)


@pytest.mark.parametrize(
    ("matrix", "word"),
    [(np.full((4, 4), np.nan), "finite"), (np.diag([1.0, 1.0, 0.0, 1.0]), "determinant")],
)
def test_bad_pose(matrix, word, scene, on_scene):
    path = scene / "seq-03/frame-000000.pose.txt"
    np.savetxt(path, matrix)
    text = sentence(on_scene)
    assert str(path) in text
    assert word in text


def test_bad_frames_can_be_skipped(scene, on_scene):
    np.savetxt(scene / "seq-03/frame-000000.pose.txt", np.full((4, 4), np.nan))
    run = on_scene("--skip_bad", "--validation_fraction=0")
    assert run.config["train_images"] == 3


def test_a_fraction_means_nothing_beside_names_to_hold_out():
    named = resolved("--dataset=7scenes", "--scene=chess", "--validation_sequences=seq-01")
    assert "validation_fraction" not in named
    assert resolved()["validation_fraction"] == 0.1


def test_sequences_to_hold_out_are_a_set():
    """Else a run that is broken off would be told to be one on other images."""
    named = resolved("--dataset=7scenes", "--scene=chess", "--validation_sequences=b10,b2,b10")
    assert named["validation_sequences"] == ["b10", "b2"]


def test_sequences_to_hold_out_that_there_are_not(on_scene):
    text = sentence(on_scene, "--validation_sequences=seq-01,seq-02")
    assert "seq-02 is no training sequence: choose among seq-01, seq-03" in text
    assert "nothing to train on" in sentence(on_scene, "--validation_sequences=seq-01,seq-03")
    with pytest.raises(UserError, match="games have none"):
        resolved("--dataset=catch", "--validation_sequences=training")


@pytest.mark.parametrize("flags", [("--units=a",), ("--dataset=mnist", "--lstm_kernels=a")])
def test_lists_of_numbers_that_mean_nothing_here(flags):
    with pytest.raises(UserError, match="means nothing for"):
        resolved(*flags)


def test_empty_scene(scene, on_scene):
    (scene / "TrainSplit.txt").write_text("")
    assert "TrainSplit.txt" in sentence(on_scene)


def test_run_folder_that_cannot_be_written(on_scene, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in sentence(on_scene, f"--run_dir={tmp_path / 'file/run'}")


def test_run_folder_that_holds_something_else(on_scene, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/thesis.txt").write_text("mine")
    assert "not empty" in sentence(on_scene)
    assert (tmp_path / "run/thesis.txt").read_text() == "mine"


def test_what_a_kill_left_of_a_configuration_is_no_run(scene, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.1.part.config.json").touch()
    RunFolder.check(resolved(*flags_on(scene, tmp_path / "run")))


@pytest.mark.parametrize(("rate", "epochs"), [("1e38", 1), ("1e30", 3)])
def test_a_loss_that_diverges_does_not_end_as_finished(on_scene, tmp_path, rate, epochs):
    """Not if weights come to nothing in the last step of all either."""
    flags = f"--learning_rate={rate}", f"--epochs={epochs}", "--validation_fraction=0"
    for _ in range(2):
        assert "lower --learning_rate" in sentence(on_scene, *flags)
        assert not (tmp_path / "run/finished.json").exists()


def test_an_interruption_by_the_keyboard_is_told_in_a_line():
    code = "from errors import run_script\n"
    code += "def main(_): raise KeyboardInterrupt\n"
    code += "run_script(main, 'stopped: it goes on')"
    done = finished([sys.executable, "-c", code])
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "stopped: it goes on"
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_had_enough_ends_the_output_quietly():
    code = "from errors import run_script\n"
    code += "run_script(lambda _: [print(number) for number in range(10**6)])"
    words = [sys.executable, "-c", code]
    with Popen(words, cwd=ROOT, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_early_stopping_needs_validation(on_scene, tmp_path):
    text = sentence(on_scene, "--early_stopping=2", "--validation_fraction=0")
    assert "--early_stopping=2" in text
    assert not (tmp_path / "run").exists()  # the command goes without the flag


def test_no_run(tmp_path):
    assert "holds no run" in sentence(RunFolder.open, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train.py", "--epoch=3"], ["epoch", "epochs"]),
        (["train.py", "--steps=0"], ["--steps=0"]),
        (["train.py", "steps=3"], ["steps=3", "--name=value"]),
        (["eval.py", "--run_dir=/nowhere"], ["/nowhere"]),
        (["eval.py"], ["--run_dir is missing"]),
    ],
)
def test_scripts_print_one_line_and_end_with_status_2(arguments, words):
    done = script(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert all(word in done.stderr for word in words), done.stderr


def test_help_is_no_error():
    done = script("train.py", "--help")
    assert done.returncode == 0
    assert "--settle_fraction" in done.stdout


def test_an_image_smaller_than_the_crop_is_enlarged(tmp_path, on_scene, scene):
    for path in scene.rglob("*.color.png"):
        Image.new("RGB", (20, 15), "red").save(path)
    assert on_scene().config["train_images"] == 2
