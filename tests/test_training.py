"""What training does beside what its command shows."""

from tasks.pose import PoseTask
from tests.tasks.small_networks import SIDE, colour_network, images_and_poses
from training import compile_task


def test_a_step_is_traced_once(monkeypatch):
    task = PoseTask(colour_network())
    task.build((None, SIDE, SIDE, 3))
    config = {
        "task": "pose", "learning_rate": 0.01, "learning_rate_schedule": "constant", "epochs": 1,
        "head_learning_rate_scale": 5.0, "mask_learning_rate_scale": 0.5,
        "trunk_learning_rate_scale": 1.0,
    }  # fmt: skip
    compile_task(task, config, steps_per_epoch=3)
    compute_loss, traced = task.compute_loss, []
    monkeypatch.setattr(
        task,
        "compute_loss",
        lambda *given, **named: traced.append(1) or compute_loss(*given, **named),
    )
    images, poses = images_and_poses()
    task.fit(images, poses, batch_size=2, epochs=2, verbose=0)
    assert len(traced) == 1
