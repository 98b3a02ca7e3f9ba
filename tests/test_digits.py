"""Digits and Catch through the commands, in this process, on a few digits and games."""

import csv
import json

import numpy as np
import pytest
from PIL import Image, ImageColor

from data.sources import open_source
from errors import UserError
from evaluation import digits
from evaluation.evaluate import comparison, evaluate
from exported import export_litert, export_onnx, export_saved_model, open_exported
from prediction import predict
from report.glimpse_figures import PATH
from reproduction.recipe import resolve
from run_folder import RunFolder, build_task
from serving import open_run
from tasks import callbacks
from tasks.results import image_file_name
from tests.commands import script
from tests.data.mnist_writers import DIGITS, write_keras_file
from tests.runs import weights_in
from training import train


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_keras_file(root)
    return root


def trained(data, path, *words):
    arguments = [f"--data_dir={data}", f"--run_dir={path}", "--verbose=0", *words]
    return train(resolve(arguments))


@pytest.fixture(scope="module")
def ram(data, tmp_path_factory):
    """A run of two epochs on all 43 digits, evaluated."""
    path = tmp_path_factory.mktemp("runs") / "ram"
    words = ("--dataset=mnist_cluttered_60", "--glimpses=3", "--samples=2", "--epochs=2")
    run = trained(data, path, *words, "--batch_size=16", "--validation_fraction=0.3")
    metrics = evaluate(run, "test")
    return run, metrics


def test_a_run_of_digits_leaves_what_every_run_leaves(ram):
    run, metrics = ram
    with run.history.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert {"accuracy", "baseline_error", "val_accuracy", "val_cross_entropy"} <= rows[0].keys()
    assert run.config["validation_sequences"] == ["fold-2"]  # of folds 2, 5 and 7
    assert run.config["image_size"] == 60
    assert "grid" not in run.config
    names = {"predictions.csv", "metrics.json", "glimpses.npz", "report.html", "figures", "images"}
    assert {path.name for path in (run.path / "test").iterdir()} == names
    assert (run.path / "test/figures/rollout.gif").stat().st_size > 0
    assert metrics == json.loads((run.path / "test/metrics.json").read_text())


def test_large_images_differ_from_the_paper_unless_flags_say_otherwise(ram):
    task = build_task(ram[0].config)
    assert (task.reward, task.glimpse_weight, task.reinforce_weight) == ("probability", 1, 0.2)
    assert (task.network.reinforce_core, task.network.location_network.hidden) == (True, 128)
    words = ["--dataset=mnist_cluttered_60", "--reward=right", "--noreinforce_core"]
    words += ["--location_hidden=0", "--glimpse_weight=0", "--reinforce_weight=1"]
    for config in (resolve(words), resolve(["--dataset=mnist"])):
        task = build_task(config | {"network": ram[0].config["network"]})
        assert (task.reward, task.glimpse_weight, task.reinforce_weight) == ("right", 0, 1)
        assert (task.network.reinforce_core, task.network.location_network.hidden) == (False, None)


def test_metrics_are_those_of_the_predictions(ram):
    run, metrics = ram
    with (run.path / "test/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == metrics["images"] == 21
    wrong = sum(row["predicted_class"] != row["true_class"] for row in rows)
    assert metrics["error_percent"] == pytest.approx(100 * wrong / 21, abs=1e-3)
    assert len(metrics["error_percent_by_glimpse"]) == 3
    glimpses = np.load(run.path / "test/glimpses.npz")
    away = np.linalg.norm(glimpses["locations"] - glimpses["centers"][:, None], axis=-1) * 30
    assert metrics["median_distance_px_by_glimpse"] == pytest.approx(np.median(away, 0), abs=0.01)
    assert metrics["error_percent_by_glimpse"][-1] == pytest.approx(metrics["error_percent"])
    # 0 is the commonest training digit; 3 of the 21 test digits are zeros.
    assert metrics["baselines"]["majority_class"]["accuracy"] == pytest.approx(3 / 21)
    table = comparison(run.config, metrics)
    assert table[1].split() == ["ram", f"{metrics['error_percent']:.2f}%"]


def test_a_finished_run_is_not_trained_again_and_other_flags_are_told(ram, data, capsys):
    run, _ = ram
    words = ["--dataset=mnist_cluttered_60", "--samples=2", "--epochs=2", "--batch_size=16"]
    words += ["--validation_fraction=0.3"]
    trained(data, run.path, *words, "--glimpses=3")
    assert "is finished" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"--glimpses=3, not 4"):
        trained(data, run.path, *words, "--glimpses=4")
    words += ["--glimpses=3"]
    for other, told in (
        (["--reward=right"], "--reward=probability, not right"),
        (["--glimpse_weight=0"], "--glimpse_weight=1.0, not 0.0"),
        (["--noreinforce_core"], "--reinforce_core=True, not False"),
    ):
        with pytest.raises(UserError, match=told):
            trained(data, run.path, *words, *other)


def test_a_flag_that_is_turned_on_later_is_told(data, tmp_path):
    words = ["--dataset=mnist", "--glimpses=1", "--epochs=1", "--validation_fraction=0"]
    trained(data, tmp_path / "run", *words)
    with pytest.raises(UserError, match="--reward=right, not probability"):
        trained(data, tmp_path / "run", *words, "--reward=probability")


def test_other_digits_of_the_same_number_are_told(ram, data, tmp_path):
    run, _ = ram
    other = tmp_path / "other"
    images, labels = DIGITS["train"]
    write_keras_file(other, x_train=255 - images, y_train=labels)
    words = ["--dataset=mnist_cluttered_60", "--glimpses=3", "--samples=2", "--epochs=2"]
    with pytest.raises(UserError, match="a run on other images"):
        trained(other, run.path, *words, "--batch_size=16", "--validation_fraction=0.3")


def test_too_few_digits_to_hold_some_out(data, tmp_path):
    with pytest.raises(UserError, match="belongs to fold-5: give --validation_fraction=0"):
        trained(data, tmp_path / "run", "--dataset=mnist")


@pytest.mark.parametrize(
    "words",
    [
        ["--dataset=catch", "--location=random"],
        ["--dataset=catch", "--l2=0.1"],
        ["--dataset=catch", "--image_size=24"],
        ["--dataset=mnist", "--games=10"],
        ["--dataset=mnist", "--scene=office"],
        ["--dataset=catch", "--scene=office"],
    ],
)
def test_flags_without_a_meaning_are_refused(words):
    with pytest.raises(UserError, match=f"{words[1].split('=')[0]}.* means nothing for {words[0]}"):
        resolve(words)


def test_data_that_moved_are_found_where_they_are_now(ram, data, tmp_path):
    run, _ = ram
    moved = tmp_path / "moved"
    moved.symlink_to(data)
    words = ["--dataset=mnist_cluttered_60", "--glimpses=3", "--samples=2", "--epochs=2"]
    trained(moved, run.path, *words, "--batch_size=16", "--validation_fraction=0.3")
    assert RunFolder.open(run.path).config["data_dir"] == str(moved)
    trained(data, run.path, *words, "--batch_size=16", "--validation_fraction=0.3")
    assert RunFolder.open(run.path).config == run.config


def break_off(*arguments):
    raise KeyboardInterrupt


def test_an_evaluation_without_its_report_is_not_taken_for_a_whole_one(ram, monkeypatch):
    run, metrics = ram

    path = run.path / "test/metrics.json"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(digits, "write_report", break_off)
        evaluate(run, "test")
    left = json.loads(path.read_text())
    assert left == {name: metrics[name] for name in metrics if name != "weights_sha256"}
    assert evaluate(run, "test") == metrics
    assert metrics["weights_sha256"] == run.digest()


def test_nothing_is_left_of_older_results_that_were_not_written_anew(ram, monkeypatch):
    run, metrics = ram

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(digits, "write", break_off)
        evaluate(run, "test")
    for name in ("metrics.json", "report.html"):
        assert not (run.path / "test" / name).exists()
    assert evaluate(run, "test") == metrics


def test_weights_replaced_meanwhile_do_not_pass_for_those_evaluated(ram, monkeypatch):
    run, metrics = ram
    weights, old = run.weights("best"), run.weights("best").read_bytes()
    measure = digits.metrics

    def replace(*arguments):
        weights.write_bytes(run.weights("last").read_bytes() + b" ")
        return measure(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(digits, "metrics", replace)
        assert evaluate(run, "test") == metrics
    assert run.digest() != metrics["weights_sha256"]
    weights.write_bytes(old)


def test_pictures_are_of_the_images_that_they_are_shown_as(ram):
    run, _ = ram
    split = open_source(run.config, run.config["data_dir"]).load("test")
    images = np.concatenate([batch for batch, _ in split.test_batches(50)])[..., 0]
    glimpses = np.load(run.path / "test/glimpses.npz")
    assert len(glimpses["shown"]) > 1
    np.testing.assert_array_equal(glimpses["images"], images[glimpses["shown"]])
    for row in glimpses["shown"]:
        with Image.open(run.path / "test/images" / image_file_name(row)) as picture:
            errors = np.abs(images - np.asarray(picture, float)).mean(axis=(1, 2))
        assert errors.argmin() == row


def test_a_broken_off_run_ends_as_the_unbroken_one(data, tmp_path):
    """As a kill after the first epoch leaves it; the kill itself is tested on photographs."""
    words = (
        "--dataset=mnist",
        "--glimpses=2",
        "--batch_size=16",
        "--epochs=3",
        "--validation_fraction=0",
    )
    unbroken = trained(data, tmp_path / "unbroken", *words)

    class KilledError(Exception):
        pass

    calls = []

    def stop(self, epoch, logs=None):
        saved(self, epoch, logs)
        calls.append(epoch)
        if epoch == 0 and len(calls) == 1:
            raise KilledError

    saved = callbacks.Backup.on_epoch_end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks.Backup, "on_epoch_end", stop)
        with pytest.raises(KilledError):
            trained(data, tmp_path / "broken", *words)
    assert not (tmp_path / "broken/finished.json").exists()
    broken = trained(data, tmp_path / "broken", *words)
    first, second = (weights_in(run.weights("last")) for run in (unbroken, broken))
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value, err_msg=name)


def test_predictions_live_and_exported_are_those_of_the_evaluation(ram, tmp_path):
    run, _ = ram
    split = open_source(run.config, run.config["data_dir"]).load("test")
    images = np.concatenate([batch for batch, _ in split.test_batches(50)])
    colours = np.repeat(images, 3, axis=-1)
    export_saved_model(run.path, tmp_path / "exported")
    export_litert(run.path, tmp_path / "litert")
    export_onnx(run.path, tmp_path / "onnx")
    with (run.path / "test/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    exported = [open_exported(tmp_path / name) for name in ("exported", "litert", "onnx")]
    for predictor in (open_run(run.path), *exported):
        outputs = predictor(colours)
        assert outputs["locations"].shape == (21, 3, 2)
        assert outputs.keys() == predictor.description["outputs"].keys()
        assert predictor.description["glimpses"] == 3
        answers = outputs["probabilities"]
        assert [str(label) for label in answers.argmax(1)] == [
            row["predicted_class"] for row in rows
        ]
        shares = [float(row["probability"]) for row in rows]
        np.testing.assert_allclose(answers.max(1), shares, rtol=1e-4)


def test_dark_digits_on_white_are_told(ram, tmp_path, capsys):
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 12:16] = 255
    names = [str(tmp_path / name) for name in ("as_trained_on.png", "dark.png")]
    for name, image in zip(names, (digit, 255 - digit), strict=True):
        Image.fromarray(image).save(name)
    predict(open_run(ram[0].path), names)
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 3
    assert told.err.startswith(f"{names[1]} is mostly bright")
    assert told.err.count("\n") == 1


def test_predict_reads_image_files(ram, tmp_path):
    run, _ = ram
    Image.fromarray(DIGITS["test"][0][0]).save(tmp_path / "digit.png")
    words = [f"--run_dir={run.path}", f"--overlays={tmp_path}", str(tmp_path / "digit.png")]
    done = script("predict.py", *words)
    assert done.returncode == 0, done.stderr
    header, row = done.stdout.strip().splitlines()
    assert header == "image,digit,probability"
    assert row.split(",")[1] in set("0123456789")
    drawn = np.asarray(Image.open(tmp_path / "digit.png.attention.png"))
    path = np.array(ImageColor.getrgb(PATH))
    assert (np.abs(drawn - path).max(axis=-1) < 8).sum() > 20


def test_bfloat16_is_compiled_on_a_processor_without_it(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("training.emulates", lambda precision: precision == "bfloat16")
    words = ("--dataset=mnist", "--glimpses=2", "--epochs=1", "--validation_fraction=0")
    run = trained(data, tmp_path / "run", *words, "--mixed_precision=bfloat16")
    assert "XLA" in capsys.readouterr().out
    assert np.isfinite(float(callbacks.read_history(run.history)[0]["loss"]))


@pytest.mark.parametrize("model", ["fully_connected", "convolutional"])
def test_networks_without_glimpses(model, data, tmp_path):
    run = trained(
        data,
        tmp_path / model,
        "--dataset=mnist",
        f"--model={model}",
        "--epochs=1",
        "--validation_fraction=0",
        "--location=random",  # as in a table's row: it plays no part here
    )
    metrics = evaluate(run, "test")
    export_litert(run.path, tmp_path / "litert")
    assert "probabilities" in open_exported(tmp_path / "litert").description["outputs"]
    assert "error_percent_by_glimpse" not in metrics
    assert not (run.path / "test/glimpses.npz").exists()
    assert (run.path / "test/report.html").exists()


def test_catch_is_trained_evaluated_and_not_exported(tmp_path):
    words = [f"--run_dir={tmp_path / 'catch'}", "--dataset=catch", "--games=8", "--epochs=1"]
    words += ["--batch_size=4", "--verbose=0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data.sources.TEST_GAMES", 6)
        run = train(resolve(words))
        metrics = evaluate(run, "test")
        validated = evaluate(run, "validation")
    assert metrics["games"] == validated["games"] == 6
    games = np.load(run.path / "test/games.npz")
    assert metrics["caught"] == pytest.approx(games["caught"].mean())
    assert games["states"].shape == (6, 24, 4)
    assert "standing_still" in metrics["baselines"]
    assert (run.path / "test/report.html").exists()
    with pytest.raises(UserError, match="is a player"):
        export_saved_model(RunFolder.open(run.path).path, tmp_path / "exported")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--dataset=mnist", "--steps=3"], "--steps means nothing for --dataset=mnist"),
        (["--glimpses=3"], "--glimpses means nothing for --dataset=synthetic"),
        (["--dataset=mnist", "--glimpses=0"], "--glimpses=0 is too small"),
        (["--dataset=mnist", "--image_size=64"], "--image_size=64: images of mnist have 28"),
        (["--dataset=mnist", "--model=posenet"], "--model=posenet is not for --dataset=mnist"),
        (["--dataset=mnist", "--glimpse_size=29"], "--glimpse_size=29 is too large"),
        (["--dataset=mnist", "--model=fully_connected", "--units="], "--units= must be numbers"),
        (["--dataset=mnist", "--scales=6"], "--scales=6 is too large"),
        (["--dataset=catch", "--scales=6"], "--scales=6 is too large"),
        (["--dataset=mnist", "--location_std=0"], "--location_std=0.0 must be greater than 0"),
        (["--dataset=mnist", "--reward=luck"], "--reward=luck is unknown: choose right, prob"),
        (["--dataset=mnist", "--core=gru"], "--core=gru is unknown: choose relu, lstm"),
        (["--dataset=mnist", "--units=64,x"], "--units=64,x must be numbers"),
        (["--dataset=catch", "--model=ram"], "--model=ram is not for --dataset=catch"),
    ],
)  # fmt: skip
def test_flags_that_cannot_be_used(words, told):
    with pytest.raises(UserError) as error:
        resolve(words)
    assert told in str(error.value)
