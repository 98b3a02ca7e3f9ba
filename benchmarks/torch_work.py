"""What PyTorch is timed on: functions that prepare, and return what is then called."""

from contextlib import AbstractContextManager

import torch

from benchmarks.settings import Settings, Work
from benchmarks.torch_posenet import PoseNet, pose_loss


def train(settings: Settings, precision: str, layout: str, compiled: bool = False) -> Work:
    """A training step of PoseNet on a batch held in memory, Adam included."""
    torch.manual_seed(0)
    images, memory = make_images(settings.batch, settings.side, layout)
    truth = torch.randn(settings.batch, 7)
    truth[:, 3:] = torch.nn.functional.normalize(truth[:, 3:], dim=1)
    network = make_network(settings, memory)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    run = torch.compile(network) if compiled else network

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with autocast(precision):
            answers = run(images)
        loss = pose_loss(answers, truth)
        loss.backward()
        optimizer.step()
        return loss.item()

    return Work(step, settings.batch)


def infer(
    settings: Settings, batch: int, precision: str, layout: str, compiled: bool = False
) -> Work:
    """Poses of a batch of images, in inference mode."""
    torch.manual_seed(0)
    images, memory = make_images(batch, settings.side, layout)
    network = make_network(settings, memory).eval()
    run = torch.compile(network) if compiled else network

    def call() -> torch.Tensor:
        with torch.inference_mode(), autocast(precision):
            return run(images)

    return Work(call, batch)


def make_network(settings: Settings, memory: torch.memory_format) -> PoseNet:
    """PoseNet for images of the settings' size."""
    network = PoseNet()
    network(torch.zeros(2, 3, settings.side, settings.side))  # lazy layers take their shapes
    return network.to(memory_format=memory)


def make_images(batch: int, side: int, layout: str) -> tuple[torch.Tensor, torch.memory_format]:
    """Random images [B, 3, S, S] about 0, in a layout: "contiguous" or "channels_last"."""
    memory = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[layout]
    return (50 * torch.randn(batch, 3, side, side)).to(memory_format=memory), memory


def autocast(precision: str) -> AbstractContextManager:
    """What PyTorch calls mixed precision on a processor."""
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
