"""What this project is timed on: functions that prepare, and return what is then called."""

import itertools
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from benchmarks.settings import Settings, Work
from data import features
from data.sources import open_source
from exported import LITERT, export_litert, export_saved_model, open_exported, open_litert
from models.depth_on_demand import call_on_demand
from models.googlenet import GoogLeNet
from models.multiply_adds import trunk_multiply_adds
from reproduction.recipe import resolve
from run_folder import RunFolder, build_task
from serving import open_network
from tasks.task import Task
from training import compile_task

MATRIX = 4096  # side of the matrices whose product is the limit
TESTED = 100  # images of a run
FACTS = {"initial_pose": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], "mean_rgb": [120.0, 110.0, 100.0]}


def train(
    settings: Settings, model: str, precision: str, flags: Sequence[str] = (), frozen: bool = False
) -> Work:
    """A training step on a batch held in memory, the task's losses, metrics and Adam included.

    Args:
        settings: Side, batch, T and grid.
        model: As --model.
        precision: As --mixed_precision.
        flags: Further flags of train.py.
        frozen: Whether the trunk does not learn, and the batch is of its features, as kept.
    """
    task = make_task(settings, model, precision, flags, frozen)
    batch = make_images(settings.batch, settings.side)
    if frozen:
        maps = tf.function(task.network.features)(batch)
        batch = {tap: tf.cast(kept, features.DTYPE) for tap, kept in maps.items()}
    batches = iter(tf.data.Dataset.from_tensors((batch, make_poses(settings.batch))).repeat())
    task.make_train_function()
    return Work(lambda: float(task.train_function(batches)["loss"]), settings.batch)


def fit(settings: Settings, model: str, precision: str) -> Work:
    """An epoch of one long `fit` on the rendered room, as train.py has it."""
    task = make_task(settings, model, precision)
    split = open_room(settings)
    steps = len(split) // settings.batch
    batches = split.train_batches(settings.batch, 0)
    turns = Turns(
        lambda: task.fit(batches, steps_per_epoch=steps, epochs=10**6, verbose=0, callbacks=[turns])
    )
    return Work(turns.epoch, steps * settings.batch)


class Turns(keras.callbacks.Callback):
    """Lets a `fit` that has this callback, in a thread of its own, do one epoch at a time.

    Args:
        run: Calls `fit`.
    """

    def __init__(self, run: Callable[[], object]):
        super().__init__()
        self._may_begin, self._ended = threading.Semaphore(0), threading.Semaphore(0)
        self._error: Exception | None = None
        self._run = run
        self._thread = threading.Thread(target=self._guarded, daemon=True)

    def epoch(self) -> None:
        """Does the next epoch, to its end."""
        if not self._thread.ident:  # not started
            self._thread.start()
        self._may_begin.release()
        self._ended.acquire()
        if self._error:
            raise self._error

    def _guarded(self) -> None:
        try:
            self._run()
        except Exception as error:  # for the thread that waits
            self._error = error
            self._ended.release()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._may_begin.acquire()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._ended.release()


def pipeline(settings: Settings, first: bool) -> Work:
    """An epoch of training batches of the rendered room, by themselves.

    Args:
        settings: Side and batch.
        first: Whether it is an epoch that has to decode the images, or a later one.
    """
    split = open_room(settings)
    steps = len(split) // settings.batch
    batches = iter(split.train_batches(settings.batch, 0))

    def epoch() -> None:
        source = iter(split.train_batches(settings.batch, 0)) if first else batches
        for _ in range(steps):
            next(source)

    return Work(epoch, steps * settings.batch)


def infer(settings: Settings, model: str, precision: str, batch: int, form: str) -> Work:
    """Poses of a batch of images.

    Args:
        settings: Side of the images, and T.
        model: As --model.
        precision: "none" or "bfloat16".
        batch: Images.
        form: "live": the network, called in a graph; "saved_model" and "litert": as `export.py`
            writes it, of which a SavedModel prepares its images as well.
    """
    keras.utils.set_random_seed(0)
    config = make_config(settings, model, precision)
    task = build_task(config)
    images = tf.cast(make_images(batch, settings.side), tf.uint8)
    network = task.network
    if form != "live":
        return Work(_exported(settings, config, task, images, form), batch)
    call = tf.function(
        lambda x: network(x, training=False), input_signature=[tf.TensorSpec(images.shape, "uint8")]
    )
    return Work(lambda: call(images), batch)


def answer(settings: Settings, on_demand: bool) -> Work:
    """What a trained run says of its own test images, one after the other, in float32.

    Args:
        settings: `run_dir` names the run.
        on_demand: Whether the trunk runs only as deep as the gate asks.
    """
    run, network = open_network(settings.run_dir)
    split = open_source(run.config, run.config["data_dir"]).load("test")
    images = itertools.cycle([batch for batch, _ in split.test_batches(1).take(TESTED)])
    call = tf.function(
        (lambda x: call_on_demand(network, x)) if on_demand else (lambda x: network(x)),
        input_signature=[tf.TensorSpec((1, *[run.config["image_size"]] * 2, 3), "uint8")],
    )
    return Work(lambda: call(next(images)), 1)


def _exported(
    settings: Settings, config: dict, task: Task, images: tf.Tensor, form: str
) -> Callable[[], object]:
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(config | {"run_dir": f"{folder}/run"})
        run.weights("best").parent.mkdir()
        task.save_weights(run.weights("best"))
        output = Path(folder) / "exported"
        if form == "litert":
            export_litert(run.path, output)
            network = open_litert(output / LITERT, settings.threads)
            image = images.numpy()
            return lambda: network(images=image)
        export_saved_model(run.path, output)
        predictor = open_exported(output)
    return lambda: predictor.serve(images)


def trunk(settings: Settings, precision: str) -> Work:
    """GoogLeNet's maps of a batch; what is counted are its convolutions."""
    set_precision(precision)
    network = GoogLeNet()
    images = make_images(settings.batch, settings.side)
    call = tf.function(lambda x: network(x)["5b"], input_signature=[tf.TensorSpec(images.shape)])
    network.build(images.shape)
    operations = 2 * settings.batch * trunk_multiply_adds(network, settings.side)["5b"]
    return Work(lambda: call(images), operations / 1e9)


def matrix_product(settings: Settings) -> Work:
    """The product of two large matrices in float32: what the processor can do."""
    left, right = (tf.random.normal((MATRIX, MATRIX)) for _ in range(2))
    call = tf.function(tf.matmul)
    return Work(lambda: call(left, right), 2 * MATRIX**3 / 1e9)


def make_config(
    settings: Settings,
    model: str,
    precision: str,
    flags: Sequence[str] = (),
) -> dict:
    """What train.py would make of these flags."""
    arguments = [
        "--dataset=synthetic", f"--model={model}", f"--image_size={settings.side}",
        f"--steps={settings.steps}", f"--mixed_precision={precision}", "--run_dir=runs/none",
        f"--batch_size={settings.batch}", *flags,
    ]  # fmt: skip
    if settings.grid:
        arguments.append(f"--grid={settings.grid}")
    empty = {"validation_sequences": [], "train_images": 0}
    return resolve(arguments) | {"network": FACTS} | empty


def make_task(
    settings: Settings, model: str, precision: str, flags: Sequence[str] = (), frozen: bool = False
) -> Task:
    """A task as train.py compiles it, with new weights; `frozen` are those of the whole trunk."""
    keras.utils.set_random_seed(0)
    config = make_config(settings, model, precision, flags)
    task = build_task(config)
    if frozen:
        task.network.trunk.freeze(task.network.trunk.deepest)
    compile_task(task, config, steps_per_epoch=1000)
    return task


def open_room(settings: Settings):  # noqa: ANN201, a Split
    """The rendered room's images to train on."""
    config = make_config(settings, "posenet", "none")
    return open_source(config, None).load("train")


def set_precision(precision: str) -> None:
    """Keras's global policy, by the name that --mixed_precision has for it."""
    keras.mixed_precision.set_global_policy(
        "float32" if precision == "none" else f"mixed_{precision}"
    )


def make_images(batch: int, side: int) -> tf.Tensor:
    """Random images [B, S, S, 3] in 0..255, float32."""
    return tf.random.stateless_uniform((batch, side, side, 3), (0, 0), 0.0, 255.0)


def make_poses(batch: int) -> tf.Tensor:
    """Random poses [B, 7]."""
    values = tf.random.stateless_normal((batch, 7), (0, 1))
    return tf.concat([values[:, :3], tf.math.l2_normalize(values[:, 3:], axis=1)], axis=1)
