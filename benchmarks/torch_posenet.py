"""PoseNet in plain PyTorch, as a user would write it who does without this project."""

import torch
from torch import nn
from torch.nn import functional

# Filters of each inception block: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
BLOCKS = {
    "3a": (192, (64, 96, 128, 16, 32, 32)),
    "3b": (256, (128, 128, 192, 32, 96, 64)),
    "4a": (480, (192, 96, 208, 16, 48, 64)),
    "4b": (512, (160, 112, 224, 24, 64, 64)),
    "4c": (512, (128, 128, 256, 24, 64, 64)),
    "4d": (512, (112, 144, 288, 32, 64, 64)),
    "4e": (528, (256, 160, 320, 32, 128, 128)),
    "5a": (832, (256, 160, 320, 32, 128, 128)),
    "5b": (832, (384, 192, 384, 48, 128, 128)),
}
AUXILIARY = {"4a": 512, "4d": 528}


class Inception(nn.Module):
    """One inception block, [B, C, H, W] to the four branches' channels."""

    def __init__(self, inputs: int, filters: tuple[int, ...]):
        super().__init__()
        one, reduce3, three, reduce5, five, project = filters
        self.one = convolution(inputs, one, 1)
        self.three = nn.Sequential(convolution(inputs, reduce3, 1), convolution(reduce3, three, 3))
        self.five = nn.Sequential(convolution(inputs, reduce5, 1), convolution(reduce5, five, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), convolution(inputs, project, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


class AuxiliaryHead(nn.Module):
    """A pose from the middle of the trunk, in training; for images of 224 pixels."""

    def __init__(self, inputs: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.AvgPool2d(5, 3, ceil_mode=True),
            convolution(inputs, 128, 1),
            nn.Flatten(),
            nn.LazyLinear(1024),
            nn.ReLU(inplace=True),
            nn.Dropout(0.7),
            nn.Linear(1024, 7),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class PoseNet(nn.Module):
    """Images [B, 3, S, S], the mean subtracted, to poses [B, 7]; in training a list with two more.

    Reference: Kendall et al. 2015.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            convolution(3, 64, 7, stride=2),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.LocalResponseNorm(5),
            convolution(64, 64, 1),
            convolution(64, 192, 3),
            nn.LocalResponseNorm(5),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        )
        self.blocks = nn.ModuleDict(
            {name: Inception(inputs, filters) for name, (inputs, filters) in BLOCKS.items()}
        )
        self.heads = nn.ModuleDict({name: AuxiliaryHead(n) for name, n in AUXILIARY.items()})
        self.answer = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(1024, 2048),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(2048, 7),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        x, answers = self.stem(images), []
        for name, block in self.blocks.items():
            if name in ("4a", "5a"):
                x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
            x = block(x)
            if self.training and name in self.heads:
                answers.append(self.heads[name](x))
        pose = self.answer(x)
        return [pose, *answers] if self.training else pose


def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    """A convolution with a bias, padded to keep its map's size, and ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, size // 2), nn.ReLU(inplace=True))


def pose_loss(answers: list[torch.Tensor], truth: torch.Tensor, beta: float = 10.0) -> torch.Tensor:
    """Distance in position + beta x distance of unit quaternions; the auxiliary answers' by 0.3."""

    def one(pose: torch.Tensor) -> torch.Tensor:
        pose = pose.float()
        position = (pose[:, :3] - truth[:, :3]).norm(dim=1).mean()
        quaternion = functional.normalize(pose[:, 3:], dim=1)
        return position + beta * (quaternion - truth[:, 3:]).norm(dim=1).mean()

    main, *auxiliary = map(one, answers)
    return main + 0.3 * sum(auxiliary)
