"""What the machine's processor can do."""

import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
BFLOAT16 = {"avx512_bf16", "amx_bf16"}


def has_bfloat16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether the processor has instructions that multiply bfloat16 numbers (AVX-512 or AMX).

    Other x86 processors compute it by way of float32, never faster than float32 itself. Known of
    Linux alone.
    """
    return bool(BFLOAT16 & _instructions(cpuinfo))


def best_precision() -> str:
    """What --mixed_precision=auto is here: bfloat16 where the processor has it, else none.

    With a GPU it is none: nothing was measured on one.
    """
    return "bfloat16" if has_bfloat16() and not _has_gpu() else "none"


def emulates(precision: str, cpuinfo: Path = CPUINFO) -> bool:
    """Whether --mixed_precision=`precision` is known to go by way of float32 here."""
    known = precision == "bfloat16" and bool(_instructions(cpuinfo))
    return known and not has_bfloat16(cpuinfo) and not _has_gpu()


def _instructions(cpuinfo: Path) -> set[str]:
    """What an x86 processor lists; empty for others, and outside Linux."""
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    found = re.search(r"^flags\s*:(.*)", text, re.M)
    return set(found[1].split()) if found else set()


def _has_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
