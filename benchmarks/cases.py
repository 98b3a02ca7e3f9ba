"""What is measured, and which ratios of it are told."""

import dataclasses
from dataclasses import dataclass, field

from errors import UserError

PRECISIONS = {"float32": "none", "bfloat16": "bfloat16"}
LAYOUTS = ("contiguous", "channels_last")
# That of the results on Red Kitchen, with kernels of one size, and the default one.
JOINT, MULTI = "joint_attention", "joint_attention, multi-convolutional"
SINGLE_KERNELS = ("--attention=convolutional", "--lstm_kernels=3")
NETWORKS = {
    "posenet": {"model": "posenet"},
    "lstm_posenet": {"model": "lstm_posenet"},
    JOINT: {"model": "joint_attention", "flags": SINGLE_KERNELS},
    MULTI: {"model": "joint_attention"},
}


@dataclass(frozen=True)
class Case:
    """Something that is called again and again, in a process of its own.

    Attributes:
        name: As the table has it.
        work: Function that prepares it, of `keras_work` or `torch_work`, with its package.
        arguments: Of that function, beside the settings.
        calls: In a round.
        unit: What is counted in a second.
    """

    name: str
    work: str
    arguments: dict = field(default_factory=dict)
    calls: int = 3
    unit: str = "images"

    @property
    def framework(self) -> str:
        """`keras` or `torch`."""
        return "torch" if ".torch_work." in self.work else "keras"


@dataclass(frozen=True)
class Ratio:
    """How many times as fast `fast` is as the fastest of `slow`, round by round.

    Attributes:
        title: What the table says.
        fast: Name of a case.
        slow: Names of cases.
        wanted: The least that is aimed at.
    """

    title: str
    fast: str
    slow: tuple[str, ...]
    wanted: float | None = None


@dataclass(frozen=True)
class Group:
    """Cases that are measured in turn, in the same minutes, and what they are compared for."""

    name: str
    cases: tuple[Case, ...]
    ratios: tuple[Ratio, ...] = ()

    def without(self, framework: str) -> "Group":
        """The group without the cases of a framework."""
        kept = tuple(case for case in self.cases if case.framework != framework)
        return dataclasses.replace(self, cases=kept)


def ours(name: str, precision: str) -> Case:
    """Training of one of this project's networks."""
    arguments = {"precision": PRECISIONS[precision], **NETWORKS[name]}
    return Case(f"{name}, {precision}", "benchmarks.keras_work.train", arguments)


def theirs(work: str, precision: str, compiled: bool, **arguments: int) -> list[Case]:
    """PyTorch's PoseNet in both layouts."""
    suffix = ", torch.compile" if compiled else ""
    return [
        Case(
            f"PyTorch posenet, {precision}, {layout}{suffix}",
            f"benchmarks.torch_work.{work}",
            {"precision": precision, "layout": layout, "compiled": compiled} | arguments,
            calls=10 if arguments.get("batch") == 1 else 3,
        )
        for layout in LAYOUTS
    ]


def training(precision: str, wanted: float) -> Group:
    """Training steps, against PyTorch's."""
    eager, compiled = (theirs("train", precision, flag) for flag in (False, True))
    posenet, lstm, joint, multi = (f"{name}, {precision}" for name in NETWORKS)
    return Group(
        f"training-{precision}",
        (*[ours(name, precision) for name in NETWORKS], *eager, *compiled),
        (
            Ratio("posenet against PyTorch's best eager", posenet, names_of(eager), wanted),
            Ratio("posenet against PyTorch's best compiled", posenet, names_of(compiled)),
            Ratio("joint_attention against posenet", joint, (posenet,), 1 / 1.2),
            Ratio("joint_attention, multi-convolutional, against posenet", multi, (posenet,)),
            Ratio("lstm_posenet against posenet", lstm, (posenet,)),
        ),
    )


def frozen(precision: str, wanted: float) -> Group:
    """Training of the attention on kept features of a frozen trunk, against that of the whole."""
    names = (JOINT, MULTI)
    whole = {name: ours(name, precision) for name in names}
    kept = {
        name: dataclasses.replace(
            case, name=f"{case.name}, frozen", arguments=case.arguments | {"frozen": True}, calls=30
        )
        for name, case in whole.items()
    }
    ratios = [
        Ratio(f"{name}, frozen against whole", kept[name].name, (whole[name].name,), wanted)
        for name in names
    ]
    return Group(f"frozen-{precision}", (*whole.values(), *kept.values()), tuple(ratios))


def inference(name: str, batch: int, precision: str, wanted: float | None) -> Group:
    """Answers to a batch of images, against PyTorch's."""
    forms = ("live", "saved_model", "litert") if batch == 1 else ("live", "saved_model")
    # What is exported is float32 whatever the network trained in.
    forms = forms if precision == "float32" else ("live",)
    calls = 10 if batch == 1 else 3
    cases = [
        Case(
            f"{model}, {precision}, {form}",
            "benchmarks.keras_work.infer",
            {"model": model, "precision": PRECISIONS[precision], "batch": batch, "form": form},
            calls,
        )
        for model in ("posenet", "joint_attention")
        for form in forms
    ]
    eager = theirs("infer", precision, False, batch=batch)
    compiled = theirs("infer", precision, True, batch=batch)
    # Of what can be exported the exports count.
    compared = [f"posenet, {precision}, {form}" for form in forms[1:] or forms]
    ratios = [
        ratio
        for ours in compared
        for ratio in (
            Ratio(f"{ours} against PyTorch's best eager", ours, names_of(eager), wanted),
            Ratio(f"{ours} against PyTorch's best compiled", ours, names_of(compiled)),
        )
    ]
    return Group(name, (*cases, *eager, *compiled), tuple(ratios))


def names_of(cases: list[Case]) -> tuple[str, ...]:
    """Their names."""
    return tuple(case.name for case in cases)


DEPTH, WHOLE, ON_DEMAND = "depth", "one image, whole trunk", "one image, trunk on demand"
FIT, STEP = "posenet, fit", "posenet, one batch again and again"
GROUPS = {
    group.name: group
    for group in (
        training("bfloat16", 2.0),
        training("float32", 1.7),
        frozen("bfloat16", 20.0),
        frozen("float32", 20.0),
        inference("latency", 1, "float32", 2.0),
        inference("inference-bfloat16", 40, "bfloat16", 1.8),
        inference("inference-float32", 40, "float32", None),
        Group(
            "limit",
            (
                Case("trunk", "benchmarks.keras_work.trunk", {"precision": "none"}, unit="GFLOP"),
                Case("matrix product", "benchmarks.keras_work.matrix_product", unit="GFLOP"),
            ),
            (Ratio("trunk against the matrix product", "trunk", ("matrix product",), 0.65),),
        ),
        Group(
            "pipeline",
            (
                Case("batches, first epoch", "benchmarks.keras_work.pipeline", {"first": True}, 1),
                Case(
                    "batches, later epochs", "benchmarks.keras_work.pipeline", {"first": False}, 1
                ),
                Case(
                    FIT,
                    "benchmarks.keras_work.fit",
                    {"model": "posenet", "precision": "bfloat16"},
                    1,
                ),
                Case(
                    STEP,
                    "benchmarks.keras_work.train",
                    {"model": "posenet", "precision": "bfloat16"},
                ),
            ),
            (Ratio("fit against its step alone", FIT, (STEP,), 0.95),),
        ),
        Group(
            DEPTH,
            tuple(
                Case(name, "benchmarks.keras_work.answer", {"on_demand": on_demand}, calls=100)
                for name, on_demand in ((WHOLE, False), (ON_DEMAND, True))
            ),
            # A quarter less time.
            (Ratio("trunk on demand against the whole trunk", ON_DEMAND, (WHOLE,), 4 / 3),),
        ),
    )
}


def choose_groups(names: list[str], run_dir: str | None = None) -> list[Group]:
    """The groups of these names; if there are none all, but that which needs a run only with one.

    Raises:
        UserError: There is no such group, or it needs a run.
    """
    for name in names:
        if name not in GROUPS:
            raise UserError(f"--only={name} is unknown: choose {', '.join(GROUPS)}")
    if DEPTH in names and not run_dir:
        raise UserError(f"--only={DEPTH} needs a trained run: add --run_dir")
    return [GROUPS[name] for name in names or GROUPS if name != DEPTH or run_dir]
