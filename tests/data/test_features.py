"""Features on disk: what is written is read, whole passes only, in an order that can be resumed."""

import numpy as np
import pytest
from ml_dtypes import bfloat16

from data import features
from data.features import Pass, claim, train_batches, write_pass
from errors import UserError

COUNT = 5


def maps(number, count=COUNT):
    """Of two taps; every image of every pass has values of its own."""
    first = 100.0 * number + np.arange(count, dtype=np.float32)[:, None, None, None]
    return {"3b": first + np.zeros((1, 2, 2, 3), np.float32), "5b": -first * np.ones((1, 2, 2, 1))}


def targets(number, count=COUNT):
    return (100 * number + np.arange(count)).astype(np.int32)


@pytest.fixture
def passes(tmp_path):
    for number in range(2):
        whole, labels = maps(number), targets(number)
        parts = [
            ({tap: values[rows] for tap, values in whole.items()}, labels[rows])
            for rows in (slice(0, 3), slice(3, 5))
        ]
        write_pass(tmp_path / f"crop-{number}", COUNT, parts)
    return [Pass.open(tmp_path / f"crop-{number}") for number in range(2)]


def taken(batches, count):
    return list(batches.take(count).as_numpy_iterator())


def test_files_are_plain_arrays_of_what_was_written(passes, tmp_path):
    for tap, values in maps(1).items():
        found = np.load(tmp_path / f"crop-1/{tap}.npy")
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(np.load(tmp_path / "crop-1/targets.npy"), targets(1))


def test_testing_has_all_images_in_order(passes):
    batches = features.test_batches(passes[1], 2)
    assert len(batches) == 3
    found = list(batches.as_numpy_iterator())
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in found]), targets(1))
    for tap, values in maps(1).items():
        np.testing.assert_array_equal(np.concatenate([seen[tap] for seen, _ in found]), values)


def test_epochs_take_the_passes_in_turn_and_later_in_other_orders(passes):
    found = taken(train_batches(passes, 2, seed=3), 3 * 6)
    assert [len(labels) for _, labels in found] == [2, 2, 1] * 6
    for seen, labels in found:
        np.testing.assert_array_equal(seen["3b"][:, 1, 1, 2], labels)
        np.testing.assert_array_equal(seen["5b"][:, 1, 1, 0], -labels)
    orders = [
        np.concatenate([labels for _, labels in found[start : start + 3]]).tolist()
        for start in range(0, 18, 3)
    ]
    for epoch, order in enumerate(orders):
        assert sorted(order) == targets(epoch % 2).tolist()
    assert orders[:2] == [targets(0).tolist(), targets(1).tolist()]
    assert len({tuple(np.array(order) % 100) for order in orders[1:]}) == 5


@pytest.mark.parametrize("epoch", [1, 4])
def test_going_on_in_an_epoch_gives_what_the_unbroken_run_sees(passes, epoch):
    unbroken = taken(train_batches(passes, 2, seed=3), 3 * 6)[3 * epoch :][:3]
    for seen, again in zip(
        unbroken, taken(train_batches(passes, 2, seed=3, first_epoch=epoch), 3), strict=True
    ):
        np.testing.assert_array_equal(seen[1], again[1])
        np.testing.assert_array_equal(seen[0]["5b"], again[0]["5b"])
    other = taken(train_batches(passes, 2, seed=4, first_epoch=4), 3)
    assert np.concatenate([labels for _, labels in other]).tolist() != targets(0).tolist()


def test_a_pass_that_was_broken_off_is_none_and_is_written_anew(tmp_path):
    folder = tmp_path / "crop-0"

    def broken():
        yield {tap: values[:2] for tap, values in maps(7).items()}, targets(7)[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_pass(folder, COUNT, broken())
    assert not folder.exists()
    write_pass(folder, COUNT, [(maps(0), targets(0))])
    np.testing.assert_array_equal(Pass.open(folder).maps["3b"], maps(0)["3b"])
    assert [path.name for path in tmp_path.iterdir()] == ["crop-0"]


@pytest.mark.parametrize("value", [70000.0, np.nan])
def test_maps_beyond_float16_are_refused(tmp_path, value):
    whole = maps(0)
    whole["5b"][3, 0, 1] = value
    with pytest.raises(UserError, match=r"map 5b reaches (7e\+04|nan).*--cached_crops=0"):
        write_pass(tmp_path / "crop-0", COUNT, [(whole, targets(0))])


def test_bfloat16_is_kept_as_it_is(tmp_path):
    values = np.random.default_rng(0).uniform(0, 3000, (COUNT, 2, 2, 3)).astype(bfloat16)
    write_pass(tmp_path / "crop-0", COUNT, [({"3b": values}, targets(0))])
    found = Pass.open(tmp_path / "crop-0").maps["3b"]
    np.testing.assert_array_equal(found.astype(np.float32), values.astype(np.float32))


def test_a_folder_belongs_to_one_fingerprint(tmp_path):
    folder = tmp_path / "features"
    claim(folder, {"seed": 1, "layers": ["3b"]})
    (folder / "crop-0").mkdir()
    claim(folder, {"seed": 1, "layers": ["3b"]})
    assert (folder / "crop-0").exists()
    claim(folder, {"seed": 2, "layers": ["3b"]})
    assert not (folder / "crop-0").exists()
    (folder / "crop-0").mkdir()
    (folder / "fingerprint.json").write_text('{"seed": 2, "lay')
    claim(folder, {"seed": 2, "layers": ["3b"]})
    assert not (folder / "crop-0").exists()


@pytest.mark.parametrize("name", ["targets", "3b"])
def test_a_damaged_pass_is_told(tmp_path, name):
    write_pass(tmp_path / "crop-0", COUNT, [(maps(0), targets(0))])
    path = tmp_path / "crop-0" / f"{name}.npy"
    for content in (path.read_bytes()[:-1], b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match="crop-0 is damaged: delete it"):
            Pass.open(tmp_path / "crop-0")
