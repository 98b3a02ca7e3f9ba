"""What is told of a processor, and the precision that goes by it."""

import pytest

from errors import UserError
from processor import emulates, has_bfloat16
from run_folder import RunFolder
from tests.runs import resolved


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16 clzero\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("flags\t\t: fpu avx512f avx512_vnni\n", False),
        ("bugs\t\t: avx512_bf16\nflags\t\t: fpu\n", False),
        ("", False),
    ],
)
def test_bfloat16_is_read_from_the_flags(text, expected, tmp_path):
    (tmp_path / "cpuinfo").write_text(text)
    assert has_bfloat16(tmp_path / "cpuinfo") == expected


def test_a_machine_without_the_file_has_none(tmp_path):
    assert not has_bfloat16(tmp_path / "cpuinfo")


@pytest.mark.parametrize(
    ("precision", "text", "expected"),
    [
        ("bfloat16", "flags : fpu avx2\n", True),
        ("bfloat16", "flags : fpu avx512_bf16\n", False),
        ("bfloat16", "Features : fp asimd bf16\n", False),  # ARM: nothing is known
        ("bfloat16", None, False),  # nor outside Linux
        ("none", "flags : fpu avx2\n", False),
    ],
)
def test_bfloat16_without_instructions_is_known_to_be_slow(precision, text, expected, tmp_path):
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    assert emulates(precision, tmp_path / "cpuinfo") == expected


@pytest.fixture
def create(tmp_path, monkeypatch):
    """Makes or takes up the run of some flags, on a processor with bfloat16 or without."""

    def make(processor, *words):
        monkeypatch.setattr("processor.has_bfloat16", lambda: processor)
        config = resolved(*words, f"--run_dir={tmp_path / 'run'}")
        return RunFolder.create(config | FROM_DATA).config["mixed_precision"]

    return make


FROM_DATA = {"network": {}, "validation_sequences": [], "class_names": []}
FLOAT32 = "--mixed_precision=none"


@pytest.mark.parametrize(
    ("processor", "words", "expected"),
    [
        (True, [], "bfloat16"),
        (True, ["--dataset=scenes15"], "bfloat16"),
        (True, ["--dataset=mnist"], "none"),
        (True, [FLOAT32], "none"),
        (False, [], "none"),
        (False, ["--mixed_precision=bfloat16"], "bfloat16"),
    ],
)
def test_precision_goes_by_the_processor(processor, words, expected, create):
    assert create(processor, *words) == expected


def test_a_run_goes_on_as_it_began_on_another_processor(create):
    assert create(True) == "bfloat16"
    assert create(False) == "bfloat16"
    with pytest.raises(UserError, match="a run with --mixed_precision=bfloat16, not none"):
        create(False, FLOAT32)
