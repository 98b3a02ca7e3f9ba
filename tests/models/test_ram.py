"""The Recurrent Attention Model as a whole, on images of a few pixels."""

import math

import keras
import numpy as np
import pytest

from models.ram import RAM, log_normal
from tests.models.checks import MIXED_POLICIES, check_layer, gradients, numpy_outputs, randomize

SMALL = {"classes": 3, "glimpses": 3, "glimpse_size": 2, "scales": 2, "hidden": 8, "seed": 1}
LABELS = np.array([0, 2, 1], np.int32)


def images(seed=0, batch=3):
    return np.random.default_rng(seed).integers(0, 256, (batch, 7, 7, 1), np.uint8)


def small(**arguments):
    """A network whose weights all have moved, the location network's far enough to matter."""
    network = RAM(**SMALL | arguments)
    network(images())
    randomize(network)
    if network.location_network:
        kernel = network.location_network.mean.kernel
        kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return network


def arrays(outputs):
    return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}


def fix_mean(network, mean):
    """Makes the location network say `mean` whatever it sees."""
    last = network.location_network.mean
    last.set_weights([np.zeros(last.kernel.shape), np.asarray(mean)])


def test_parameters_of_the_default_network():
    network = RAM()
    network.build((None, 28, 28, 1))
    parts = {
        "glimpse_network": (64 + 1) * 128 + (2 + 1) * 128 + (128 + 128 + 1) * 256,
        "core": (256 + 256 + 1) * 256,
        "location_network": 257 * 2,
        "baseline": 257,
        "head": 257 * 10,
    }
    assert {name: getattr(network, name).count_params() for name in parts} == parts
    assert network.count_params() == sum(parts.values()) == 209_165


@pytest.mark.parametrize("glimpses", [1, 2, 4])
@pytest.mark.parametrize("core", ["relu", "lstm"])
def test_shapes_at_every_number_of_glimpses(glimpses, core):
    network = small(glimpses=glimpses, core=core, samples=2)
    tested = {name: value.shape for name, value in arrays(network(images())).items()}
    assert tested == {
        "logits": (3, 3),
        "logits_by_glimpse": (3, glimpses, 3),
        "locations": (3, glimpses, 2),
        "baselines": (3, glimpses),
    }
    trained = arrays(network(images(), training=True))
    assert {name: value.shape for name, value in trained.items()} == {
        "logits": (6, 3),
        "logits_by_glimpse": (6, glimpses, 3),
        "locations": (6, glimpses, 2),
        "baselines": (6, glimpses),
        "log_probabilities": (6, glimpses),
    }


def test_random_locations_need_no_network_that_chooses_them():
    network = small(location="random", samples=2)
    assert set(network(images())) == {"logits", "logits_by_glimpse", "locations"}
    assert network(images(), training=True).keys() == network(images()).keys()
    assert not [w for w in network.weights if "location_network" in w.path or "base" in w.path]


def test_random_locations_cover_the_image_and_stay_the_same_in_testing_alone():
    network = small(location="random")
    batch = images(batch=50)
    tested, again = (arrays(network(batch))["locations"] for _ in range(2))
    np.testing.assert_array_equal(tested, again)
    trained, again = (arrays(network(batch, training=True))["locations"] for _ in range(2))
    assert np.abs(trained - again).min() > 0
    for locations in (tested, trained):
        assert np.abs(locations).max() <= 1
        # 300 uniform values: mean 0 and deviation 1 / sqrt(3), to six standard errors.
        assert locations.mean() == pytest.approx(0, abs=0.2)
        assert locations.std() == pytest.approx(1 / math.sqrt(3), abs=0.1)


def test_outside_training_nothing_is_random():
    network = small()
    for first, second in zip(*(numpy_outputs(network(images())) for _ in range(2)), strict=True):
        np.testing.assert_array_equal(first, second)


def test_bytes_and_floats_are_the_same_image():
    network = small()
    as_bytes, as_floats = network(images()), network(images().astype(np.float32))
    for first, second in zip(numpy_outputs(as_bytes), numpy_outputs(as_floats), strict=True):
        np.testing.assert_array_equal(first, second)


def test_first_location_is_one_for_all_images_and_the_next_are_their_own():
    network = small()
    locations = arrays(network(images()))["locations"]
    (bias,) = numpy_outputs([network.location_network.mean.bias.value])
    np.testing.assert_allclose(locations[:, 0], [bias] * 3, rtol=1e-6)
    assert np.ptp(locations[:, 1], axis=0).min() > 1e-4


def test_earlier_glimpses_do_not_know_of_later_ones():
    long, short = small(glimpses=3), small(glimpses=2)
    short.set_weights(long.get_weights())
    outputs, earlier = arrays(long(images())), arrays(short(images()))
    for name in ("logits_by_glimpse", "locations", "baselines"):
        np.testing.assert_allclose(outputs[name][:, :2], earlier[name], rtol=1e-5, err_msg=name)
    np.testing.assert_array_equal(outputs["logits"], outputs["logits_by_glimpse"][:, 2])
    assert np.abs(outputs["logits"] - earlier["logits"]).max() > 1e-4


@pytest.mark.parametrize("core", ["relu", "lstm"])
def test_without_deviation_every_rollout_of_an_image_is_that_of_testing(core):
    network = small(samples=2, deviation=1e-7, core=core)
    tested = arrays(network(images()))
    trained = arrays(network(images(), training=True))
    for name in ("logits", "locations", "baselines"):
        rows = np.repeat(tested[name], 2, axis=0)
        np.testing.assert_allclose(trained[name], rows, atol=1e-4, err_msg=name)
    assert np.ptp(tested["logits"], axis=0).max() > 1e-3


def test_locations_are_drawn_around_the_mean():
    network = small(samples=1000, deviation=0.2)
    fix_mean(network, [0.25, -0.1])
    locations = arrays(network(images(), training=True))["locations"].reshape(-1, 2)
    # 9000 draws: five standard errors are 0.011 for the mean, 0.0075 for the deviation.
    np.testing.assert_allclose(locations.mean(0), [0.25, -0.1], atol=0.011)
    np.testing.assert_allclose(locations.std(0), [0.2, 0.2], atol=0.0075)
    assert np.corrcoef(locations.T)[0, 1] == pytest.approx(0, abs=0.06)


def test_log_probabilities_are_those_of_the_locations():
    network = small(deviation=0.1)
    fix_mean(network, [0.25, -0.1])
    outputs = arrays(network(images(), training=True))
    distance = ((outputs["locations"] - [0.25, -0.1]) ** 2).sum(-1)
    expected = -distance / 0.02 - math.log(2 * math.pi * 0.01)
    np.testing.assert_allclose(outputs["log_probabilities"], expected, rtol=1e-3, atol=1e-3)


def test_a_draw_beyond_the_edge_is_seen_at_the_edge_and_counts_as_drawn():
    network = small(samples=1000, deviation=0.5)
    fix_mean(network, [0.9, 0.0])
    outputs = arrays(network(images(), training=True))
    locations = outputs["locations"]
    assert locations.max() == 1.0
    # P(0.9 + 0.5 z > 1) = P(z > 0.2) = 0.42.
    assert (locations[..., 0] == 1.0).mean() == pytest.approx(0.42, abs=0.03)
    # A normal density in two dimensions has the mean -1 - log(2 pi sigma^2), if none are clipped.
    expected = -1 - math.log(2 * math.pi * 0.25)
    assert outputs["log_probabilities"].mean() == pytest.approx(expected, abs=0.06)


def test_log_density_by_hand():
    x = np.array([[0.0, 0.0], [1.0, 2.0]], np.float32)
    (found,) = numpy_outputs(log_normal(keras.ops.convert_to_tensor(x), 0.0, 2.0))
    top = -math.log(2 * math.pi * 4)
    np.testing.assert_allclose(found, [top, top - 5 / 8], rtol=1e-6)


def by_part(function, network):
    """Largest gradient of `function` in each part of the network."""
    weights = network.trainable_weights
    _, found = gradients(function, weights)
    largest = {}
    for weight, gradient in zip(weights, found, strict=True):
        part = weight.path.split("/")[1]
        largest[part] = max(largest.get(part, 0.0), float(np.abs(gradient).max()))
    return largest


def cross_entropy(outputs):
    labels = np.repeat(LABELS, 2)
    loss = keras.losses.sparse_categorical_crossentropy(labels, outputs["logits"], True)
    return keras.ops.sum(loss)


def test_logits_train_all_but_where_to_look():
    network = small(samples=2, core="lstm", location_hidden=4)
    found = by_part(lambda: cross_entropy(network(images(), training=True)), network)
    assert found.pop("location_network") == found.pop("baseline") == 0
    assert set(found) == {"glimpse_network", "core", "class_head"}
    assert min(found.values()) > 0


@pytest.mark.parametrize(
    ("output", "part"), [("log_probabilities", "location_network"), ("baselines", "baseline")]
)
def test_log_probabilities_and_baselines_train_their_own_part_alone(output, part):
    network = small(samples=2, location_hidden=4)
    found = by_part(lambda: keras.ops.sum(network(images(), training=True)[output]), network)
    assert found.pop(part) > 0
    assert set(found.values()) == {0.0}


def test_log_probabilities_train_the_core_too_where_asked_but_no_answers():
    network = small(samples=2, reinforce_core=True)
    total = keras.ops.sum
    found = by_part(lambda: total(network(images(), training=True)["log_probabilities"]), network)
    assert found.pop("baseline") == found.pop("class_head") == 0
    assert set(found) == {"glimpse_network", "core", "location_network"}
    assert min(found.values()) > 0
    found = by_part(lambda: total(network(images(), training=True)["baselines"]), network)
    assert found.pop("baseline") > 0
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize("core", ["relu", "lstm"])
def test_training_reaches_every_weight(core):
    network = small(core=core, fusion="concatenate", location_hidden=4)

    def total():
        outputs = network(images(), training=True)
        return sum(keras.ops.sum(keras.ops.sin(value)) for value in outputs.values())

    weights = network.trainable_weights
    _, found = gradients(total, weights)
    unreached = [w.path for w, g in zip(weights, found, strict=True) if not np.abs(g).max() > 0]
    assert unreached == []


def test_penalty_counts_every_kernel_and_nothing_else():
    network = small(l2=0.5, location_hidden=4)
    kernels = [weight for weight in network.weights if weight.path.endswith("kernel")]
    expected = 0.5 * sum((kernel**2).sum() for kernel in numpy_outputs(kernels))
    assert len(network.losses) == len(kernels) == 8
    assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"glimpses": 0}, "glimpses must be at least 1"),
        ({"samples": 0}, "samples must be at least 1"),
        ({"deviation": 0.0}, "deviation must be positive"),
        ({"location": "fixed"}, "unknown location 'fixed'"),
        ({"core": "gru"}, "unknown core 'gru'"),
        ({"fusion": "multiply"}, "unknown fusion 'multiply'"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        RAM(**arguments)


@pytest.mark.parametrize(("location", "policies"), [("learned", MIXED_POLICIES), ("random", ())])
def test_checks_of_the_network(location, policies):
    arguments = SMALL | {
        "glimpses": 2,
        "core": "lstm",
        "fusion": "concatenate",
        "location": location,
        "deviation": 0.3,
        "samples": 2,
        "location_activation": "tanh",
        "location_hidden": 4,
        "reinforce_core": True,
        "l2": 0.1,
    }

    def decide(network):
        """Half precision may round a location to another pixel: it is not left to the state."""
        if network.location_network:
            fix_mean(network, [0.3, -0.2])

    check_layer(RAM, arguments, images(), float32_outputs=True, policies=policies, prepare=decide)
