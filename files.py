"""Files that appear whole or not at all, and what reading one can raise."""

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from errors import UserError

# What Keras and h5py raise on a file of weights that is damaged, or another network's.
BROKEN_WEIGHTS = (OSError, RuntimeError, LookupError, ValueError, TypeError)
PART = ".part."  # in the name of a file that is not yet whole


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns the operating system's errors, of `path` or what lies in it, into a `UserError`."""
    try:
        yield
    except OSError as error:
        place = error.filename or path
        raise UserError(f"{place} cannot be read: {error.strerror or error}") from error


@contextlib.contextmanager
def writing(place: Path | str) -> Iterator[None]:
    """Turns the operating system's errors, of writing to `place`, into a `UserError` naming it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise UserError(f"{place} cannot be written: {reason}") from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` to write to; it is renamed if all went well.

    Its name ends as that of `path` does. Folders are made if need be.

    Raises:
        UserError: The place cannot be written.
    """
    temporary = path.with_name(f".{os.getpid()}{PART}{path.name}")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise UserError(f"{path} is a folder: name a file to write")
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())  # else a power cut could leave the name without the content
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def locked(folder: Path, *, wait: bool) -> Iterator[None]:
    """Keeps other processes that ask for it out of `folder`; a lock ends with its process.

    Raises:
        BlockingIOError: Another process has it, and this one is not to wait.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def user_path(path: str | Path) -> Path:
    """A path as a user gives it: `~` is the home folder; of an unknown user it is a mere name."""
    return Path(os.path.expanduser(path))


def absolute_path(path: str | Path) -> str:
    """`user_path` from the root on, to be kept: it leads there from whatever folder is current."""
    return os.path.abspath(user_path(path))


def is_part(path: Path) -> bool:
    """Whether it is what a kill has left of a file that `whole_file` was to write."""
    return path.name.startswith(".") and PART in path.name


def remove_parts(folder: Path) -> None:
    """Deletes what a kill has left of files that `whole_file` was to write in `folder`."""
    for part in filter(is_part, folder.glob(".*")):
        part.unlink(missing_ok=True)


def require_space(path: Path, needed: int) -> None:
    """Checks, before `path` is written, that there is room for it.

    Raises:
        UserError: The disk has less than `needed` bytes.
    """
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise UserError(
            f"{path} needs {needed / 1e6:.0f} MB and the disk has {free / 1e6:.0f} left: make room"
        )


def copy_file(source: Path, target: Path) -> None:
    """Copies a file; `target` appears whole or stays as it was.

    Raises:
        UserError: There is no room, or the place cannot be written.
    """
    with whole_file(target) as temporary:
        require_space(target, source.stat().st_size)
        shutil.copyfile(source, temporary)


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits; one that has not changed is read once."""
    with reading(path):
        status = path.stat()
        return _sha256(path, status.st_size, status.st_mtime_ns)


@functools.cache
def _sha256(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
