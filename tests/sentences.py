"""What a user is told who has got something wrong, and a training small enough to do so."""

import pytest

from errors import UserError

TINY = [
    "--image_size=32", "--depth=8", "--hidden=8", "--epochs=1", "--steps=1", "--layers=3a,3b",
    "--mixed_precision=none", "--verbose=0",
]  # fmt: skip


def sentence(action, *arguments) -> str:
    """The one sentence that an action ends with."""
    with pytest.raises(UserError) as caught:
        action(*arguments)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 600
    return text


def flags_on(scene, run_dir):
    """Flags of a tiny training."""
    return [
        "--dataset=7scenes", f"--scene={scene.name}", f"--data_dir={scene.parents[1]}",
        f"--run_dir={run_dir}", *TINY,
    ]  # fmt: skip
