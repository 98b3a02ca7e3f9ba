"""Joint attention as a whole, on networks that end early and images of 32 pixels."""

import itertools
import math

import keras
import numpy as np
import pytest

from models.joint_attention import JointAttention
from models.layer_adapter import LayerAdapter, resize, select
from models.networks import NETWORKS, build_network
from tests.models.checks import check_layer, gradients, numpy_outputs, randomize

SMALL = {
    "candidates": ("3a", "3b"),
    "steps": 2,
    "grid": 2,
    "depth": 6,
    "hidden": 4,
    "kernel_sizes": (1, 3),
    "gate_embedding": 3,
    "seed": 1,
}
MEAN_POSE = (4.0, -2.0, 1.5, 0.8, 0.0, 0.6, 0.0)


def images(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (2, 32, 32, 3), np.uint8)


def small(moved=True, **arguments):
    network = JointAttention(**SMALL | arguments)
    network(images())
    if moved:
        randomize(network)
    return network


def arrays(outputs):
    return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}


def test_parameters_of_the_default_network():
    network = JointAttention()
    network.build((None, 224, 224, 3))
    parts = {
        "trunk": 5_973_552,
        "adapters": (480 + 832 + 1024) * 256 + 3 * 4 * 256,
        "layer_gate": 96 * 16 + 16 + 16 * 3 + 3 + 3,
        # Kernels 1, 3 and 5 with 86, 85 and 85 of 256 channels; then one channel each.
        "spatial_attention": 96 * (86 + 9 * 85 + 25 * 85) + 256 + 256 * (1 + 9 + 25),
        # Kernels 1, 3, 5 and 7 with 24 channels for each of 4 gates; 3 peepholes, 2 states.
        "conv_lstm": (256 + 96) * 96 * (1 + 9 + 25 + 49) + 4 * 96 + 5 * 7 * 7 * 96,
        "step_heads": 3 * ((96 + 3 * 256) * 7 + 7),
        "auxiliary_heads": 3 * (256 * 7 + 7),
        "plan": 3,
    }
    found = {
        "trunk": network.trunk.count_params(),
        "adapters": sum(adapter.count_params() for adapter in network.adapters),
        "layer_gate": network.gate.count_params(),
        "spatial_attention": network.where.count_params(),
        "conv_lstm": network.cell.count_params(),
        "step_heads": sum(head.count_params() for head in network.step_heads),
        "auxiliary_heads": sum(head.count_params() for head in network.auxiliary_heads),
        "plan": math.prod(network.plan.shape),
    }
    assert found == parts
    assert network.count_params() == sum(parts.values()) == 9_757_155


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_shapes_and_known_sums_at_every_number_of_steps(steps):
    outputs = arrays(small(steps=steps)(images()))
    assert {name: value.shape for name, value in outputs.items()} == {
        "pose": (2, 7),
        "layer_gates": (2, steps, 2),
        "attention": (2, steps, 2, 2),
    }
    np.testing.assert_allclose(outputs["attention"].sum((2, 3)), 1.0, rtol=1e-5)
    assert set(np.unique(outputs["layer_gates"])) <= {0.0, 1.0}
    np.testing.assert_array_equal(outputs["layer_gates"].sum(-1), 1.0)
    np.testing.assert_allclose(np.linalg.norm(outputs["pose"][:, 3:], axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("candidates", [("3b",), ("3b", "3a"), ("3a", "4a", "3b")])
def test_any_set_of_layers_in_any_order(candidates):
    network = small(candidates=candidates)
    outputs = arrays(network(images()))
    assert outputs["layer_gates"].shape == (2, 2, len(candidates))
    assert network.trunk.taps[-1] == max(candidates)
    assert [adapter.name for adapter in network.adapters] == [f"adapter_{c}" for c in candidates]


def test_ablations_leave_out_their_part():
    spatial = build_network("spatial_attention", **SMALL | {"candidates": ["3b"]})
    layer = build_network("layer_attention", **SMALL)
    assert set(spatial(images())) == {"pose", "attention"}
    assert set(layer(images())) == {"pose", "layer_gates"}
    assert not [weight for weight in spatial.weights if "layer_gate" in weight.path]
    assert not [weight for weight in layer.weights if "spatial_attention" in weight.path]


def test_network_starts_at_the_mean_pose():
    network = small(moved=False, initial_pose=MEAN_POSE)
    (pose,) = numpy_outputs(network(images(), training=True)["pose"])
    np.testing.assert_allclose(pose, [MEAN_POSE] * 2, atol=0.2)


def test_outside_training_nothing_is_random():
    network = small()
    for first, second in zip(*(numpy_outputs(network(images())) for _ in range(2)), strict=True):
        np.testing.assert_array_equal(first, second)


def test_other_images_give_other_poses_and_maps():
    network = small()
    first, second = arrays(network(images(0))), arrays(network(images(1)))
    assert np.abs(first["pose"] - second["pose"]).max() > 1e-5
    assert np.abs(first["attention"] - second["attention"]).max() > 1e-6


def test_bytes_and_floats_are_the_same_image():
    network = small()
    as_bytes, as_floats = network(images()), network(images().astype(np.float32))
    for first, second in zip(numpy_outputs(as_bytes), numpy_outputs(as_floats), strict=True):
        np.testing.assert_array_equal(first, second)


def test_each_step_and_each_layer_gives_a_pose_by_itself_in_training_only():
    network = small(initial_pose=MEAN_POSE)
    assert not {"auxiliary_by_step", "auxiliary_by_layer"} & set(network(images()))
    outputs = network(images(), training=True)
    for name in ("auxiliary_by_step", "auxiliary_by_layer"):
        assert [tuple(pose.shape) for pose in outputs[name]] == [(2, 7)] * 2
    # The only step's answer is the network's.
    outputs = small(steps=1)(images(), training=True)
    assert (len(outputs["auxiliary_by_step"]), len(outputs["auxiliary_by_layer"])) == (0, 2)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_stands_before_the_heads_in_training_alone(dropout):
    network = small(dropout=dropout, classes=5, layer_attention=False, candidates=("3b",))
    features = [np.ones((2, 2, 2, 6), np.float32)]
    answers = [
        network.look(2, lambda gate: features, training=training)[1][0]
        for training in (True, True, False, False)
    ]
    first, second, *tested = numpy_outputs(answers)
    assert np.array_equal(first, second) == (dropout == 0.0)
    np.testing.assert_array_equal(*tested)


@pytest.mark.parametrize("classes", [None, 5])
def test_the_answer_is_the_mean_of_the_steps_answers(classes):
    network = small(classes=classes, initial_pose=MEAN_POSE, dropout=0.0, steps=3)
    outputs = network(images(), training=True)
    steps = np.stack(numpy_outputs(outputs["auxiliary_by_step"]))
    (answer,) = numpy_outputs(outputs["logits" if classes else "pose"])
    assert np.abs(steps[0] - steps[1]).max() > 1e-4
    mean = steps.mean(axis=0)
    if classes is None:
        mean[:, 3:] /= np.linalg.norm(mean[:, 3:], axis=1, keepdims=True)
    np.testing.assert_allclose(answer, mean, rtol=1e-5, atol=1e-6)


def test_a_step_reads_each_layer_with_weights_of_their_own():
    network = small(steps=1)
    network.gate.score.set_weights([np.zeros((3, 2)), np.array([1.0, 0.0])])  # the first
    (before,) = numpy_outputs(network(images())["pose"])
    kernel, bias = network.step_heads[0].regress.get_weights()
    hidden, depth = SMALL["hidden"], SMALL["depth"]
    for layer, changed in ((0, True), (1, False)):
        moved = kernel.copy()
        moved[hidden + layer * depth : hidden + (layer + 1) * depth] += 1
        network.step_heads[0].regress.set_weights([moved, bias])
        (after,) = numpy_outputs(network(images())["pose"])
        assert (np.abs(after - before).max() > 1e-3) == changed


def heads_that_read_glimpses_only(network):
    """Has the first head read glimpses only; what each layer then answers by itself, [L, B, 7]."""
    hidden = SMALL["hidden"]
    kernel, bias = network.step_heads[0].regress.get_weights()
    kernel[:hidden] = 0
    kernel[hidden:, :3] = np.random.default_rng(0).normal(size=(len(kernel) - hidden, 3))
    network.step_heads[0].regress.set_weights([kernel, bias])
    answers = []
    for chosen in np.eye(2):
        network.gate.score.set_weights([np.zeros((3, 2)), 50 * chosen])
        answers += numpy_outputs(network(images())["pose"])
    return np.stack(answers)


def sampled_as_in_training(network):
    """Outputs as in training, but for the normalisation: that is as outside it."""
    maps = network.features(images()).values()
    features = [adapter(m) for adapter, m in zip(network.adapters, maps, strict=True)]
    outputs, _ = network.look(2, lambda gate: features, training=True)
    return outputs


def test_a_mixture_of_layers_mixes_what_each_answers_by_its_own_weights():
    network = small(moved=False, steps=1, dropout=0.0)
    by_itself = heads_that_read_glimpses_only(network)
    network.gate.score.set_weights([np.zeros((3, 2)), np.log([0.3, 0.7])])
    network.gate.softness.assign(1.0)
    (found,) = numpy_outputs(sampled_as_in_training(network)["pose"])
    mixed = 0.3 * by_itself[0] + 0.7 * by_itself[1]
    assert np.abs(by_itself[0] - by_itself[1])[:, :3].min() > 1e-3
    np.testing.assert_allclose(found[:, :3], mixed[:, :3], rtol=1e-4, atol=1e-5)


def test_the_gate_learns_from_what_the_other_layer_would_have_answered():
    network = small(moved=False, steps=1, dropout=0.0)
    by_itself = heads_that_read_glimpses_only(network)
    network.gate.score.set_weights([np.zeros((3, 2)), np.log([0.3, 0.7])])
    network.gate.noise.assign(0.0)
    score = network.gate.score.bias
    for image, axis in itertools.product(range(2), range(3)):

        def answer(image=image, axis=axis):
            return sampled_as_in_training(network)["pose"][image, axis]

        _, (found,) = gradients(answer, [score])
        first, second = by_itself[:, image, axis]
        slope = 0.3 * 0.7 * (first - second)
        np.testing.assert_allclose(found, [slope, -slope], rtol=1e-3, atol=1e-6)


def test_steps_that_say_one_rotation_by_opposite_quaternions_do_not_cancel():
    """Near a half turn w is about 0, and of either sign in the steps' answers."""
    network = small(steps=3, dropout=0.0)
    network(images())
    sides = np.array([[0.01, 0.6, -0.8, 0.02], [-0.01, 0.6, -0.8, 0.01], [-0.03, 0.6, -0.8, 0.0]])
    sides /= np.linalg.norm(sides, axis=1, keepdims=True)
    for head, quaternion in zip(network.step_heads, sides, strict=True):
        kernel = np.zeros(head.regress.kernel.shape)
        head.regress.set_weights([kernel, np.array([1, 2, 3, *quaternion])])
    (pose,) = numpy_outputs(network(images())["pose"])
    mean = sides.mean(axis=0)
    mean /= -np.linalg.norm(mean)  # its w is negative
    np.testing.assert_allclose(pose, [[1, 2, 3, *mean]] * len(pose), rtol=0, atol=1e-6)


def test_reduced_kernels_leave_every_shape_and_a_tenth_of_the_convlstm():
    full, reduced = JointAttention(), JointAttention(reduction=24)
    for network in (full, reduced):
        network.build((None, 224, 224, 3))
    convolutions = 96 * (96 + 256) + 3 * 24 * (96 + 256) + (9 + 25 + 49) * 24 * 96 + 4 * 96
    assert reduced.cell.gates.count_params() == convolutions
    assert convolutions < full.cell.gates.count_params() / 10
    embedding = 96 * 86 + 2 * 24 * 96 + (9 + 25) * 24 * 85 + 256
    assert reduced.where.embed.count_params() == embedding


def test_training_reaches_every_weight():
    """Trunk, adapters, logits of the gate and mask, peepholes and initial states among them."""
    network = small()
    upstream = np.random.default_rng(0).normal(size=7).astype(np.float32)

    def total():
        outputs = network(images(), training=True)
        poses = [outputs["pose"], *outputs["auxiliary_by_step"], *outputs["auxiliary_by_layer"]]
        return sum(keras.ops.sum(upstream * pose) for pose in poses)

    variables = network.trainable_weights
    _, found = gradients(total, variables)
    unreached = [v.path for v, g in zip(variables, found, strict=True) if not np.abs(g).max() > 0]
    assert unreached == []
    assert all(np.isfinite(gradient).all() for gradient in found)


def test_penalty_counts_kernels_of_every_part_and_nothing_else():
    network = small(l2=0.5)
    kernels = [weight for weight in network.weights if weight.path.endswith("kernel")]
    expected = 0.5 * sum((kernel**2).sum() for kernel in numpy_outputs(kernels))
    assert len(network.losses) == len(kernels)
    assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-4)
    assert small(l2=0.0).losses == []


@pytest.mark.parametrize("grid", [2, 3, 4])
def test_features_of_images_stand_for_the_images(grid):
    """Maps of 4 x 4: averaged, resized, as they are."""
    network = small(grid=grid)
    features = network.features(images())
    assert {tap: tuple(maps.shape) for tap, maps in features.items()} == {
        "3a": (2, grid, grid, 256),
        "3b": (2, grid, grid, 480),
    }
    kept = {tap: keras.ops.cast(maps, "float16") for tap, maps in features.items()}
    seen = arrays(network(images()))
    for name, value in arrays(network(features)).items():
        np.testing.assert_array_equal(value, seen[name], err_msg=name)
    for name, value in arrays(network(kept)).items():
        np.testing.assert_allclose(value, seen[name], rtol=2e-3, atol=2e-3, err_msg=name)
    other = arrays(network(network.features(images(1))))
    assert np.abs(other["pose"] - seen["pose"]).max() > 1e-5


def test_selection_by_a_one_hot_row_is_that_layer():
    maps = [np.full((2, 1, 1, 3), float(value), np.float32) for value in (1, 2, 3)]
    (chosen,) = numpy_outputs(select(maps, np.array([[0, 0, 1], [1, 0, 0]], np.float32)))
    np.testing.assert_array_equal(chosen[:, 0, 0], [[3, 3, 3], [1, 1, 1]])


@pytest.mark.parametrize(("grid", "expected"), [(4, None), (2, [[2.5, 4.5], [10.5, 12.5]])])
def test_adapter_averages_where_the_grid_divides_the_map(grid, expected):
    adapter = LayerAdapter(grid, 1)
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    adapter(x)
    adapter.project.set_weights([np.ones((1, 1, 1, 1))])
    (found,) = numpy_outputs(adapter(x))
    # The statistics of a new batch normalization are mean 0 and variance 1 (and epsilon 1e-3).
    wanted = x[0, ..., 0] if expected is None else np.array(expected)
    np.testing.assert_allclose(found[0, ..., 0], wanted / np.sqrt(1.001), rtol=1e-5)


@pytest.mark.parametrize("grid", [3, 7])
def test_adapter_resizes_to_other_grids_and_keeps_what_is_constant(grid):
    adapter = LayerAdapter(grid, 1)
    x = np.full((1, 4, 4, 1), 5.0, np.float32)
    adapter(x)
    adapter.project.set_weights([np.ones((1, 1, 1, 1))])
    (found,) = numpy_outputs(adapter(x))
    np.testing.assert_allclose(found, np.full((1, grid, grid, 1), 5 / np.sqrt(1.001)), rtol=1e-5)


@pytest.mark.parametrize("shape", [(12, 12), (4, 7), (3, 3), (1, 1)])
@pytest.mark.parametrize("side", [6, 5])
def test_resizing_by_a_matrix_is_that_of_keras(shape, side):
    x = np.random.default_rng(0).normal(size=(2, *shape, 3)).astype(np.float32)
    expected = keras.ops.image.resize(x, (side, side), antialias=True)
    found, wanted = numpy_outputs([resize(keras.ops.convert_to_tensor(x), side), expected])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6)


def test_adapter_takes_away_in_training_what_all_images_share():
    adapter = LayerAdapter(2, 5)
    x = 100 + np.random.default_rng(0).normal(size=(8, 2, 2, 3)).astype(np.float32)
    (found,) = numpy_outputs(adapter(x, training=True))
    # Half of a channel of mean 0 is cut off by the ReLU, the rest is of size one.
    assert 0.2 < (found > 0).mean() < 0.8
    assert 0.2 < found.mean() < 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"candidates": ("3b", "6z")}, "'6z'"),
        ({"candidates": ()}, "one or more different names"),
        ({"layer_attention": False}, "there is one layer, not '3a,3b'"),
        ({"attention": "dense"}, "unknown attention 'dense'"),
        ({"hidden": 5}, "hidden size 5"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        JointAttention(**SMALL | arguments)


def test_unknown_network_lists_those_there_are():
    with pytest.raises(ValueError, match=f"'alexnet'.*{list(NETWORKS)[-1]}"):
        build_network("alexnet")


def test_checks_of_the_adapter():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    check_layer(LayerAdapter, {"grid": 2, "depth": 5, "kernel_regularizer": "l2"}, x)


@pytest.mark.parametrize(
    "ablation", [{}, {"candidates": ("3b",), "layer_attention": False}, {"attention": None}]
)
def test_checks_of_the_network_and_its_ablations(ablation):
    arguments = SMALL | {
        "reduction": 3,
        "activation": "relu",
        "dropout": 0.3,
        "initial_pose": MEAN_POSE,
        "mean_rgb": (1.0, 2.0, 3.0),
        "l2": 0.1,
    }

    def decide(network):
        """Logits as near as those of a new gate fall otherwise in half precision."""
        if network.gate:
            network.gate.score.bias.assign([0.0, 2.0])

    check_layer(
        JointAttention, arguments | ablation, images(), float32_outputs=True, prepare=decide
    )
