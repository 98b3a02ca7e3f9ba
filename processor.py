"""What the machine's processor can do."""

import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def has_bfloat16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether the processor has instructions that multiply bfloat16 numbers (AVX-512 or AMX).

    Others compute it by way of float32, never faster than float32 itself. Known of Linux alone.
    """
    if not cpuinfo.exists():
        return False
    found = re.search(r"^flags\s*:.*\b(avx512_bf16|amx_bf16)\b", cpuinfo.read_text(), re.M)
    return found is not None


def best_precision() -> str:
    """What --mixed_precision=auto is here: bfloat16 where the processor has it, else none.

    With a GPU it is none: nothing was measured on one.
    """
    return "bfloat16" if has_bfloat16() and not _has_gpu() else "none"


def emulates(precision: str, cpuinfo: Path = CPUINFO) -> bool:
    """Whether --mixed_precision=`precision` is known to go by way of float32 here."""
    slow = precision == "bfloat16" and cpuinfo.exists() and not has_bfloat16(cpuinfo)
    return slow and not _has_gpu()


def _has_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
