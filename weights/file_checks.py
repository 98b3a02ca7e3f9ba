"""What stands in a file, by its first bytes; and files that appear whole or not at all."""

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from errors import UserError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ARCHIVES = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
HTML = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")


def is_hdf5(path: Path) -> bool:
    """Whether `path` starts as HDF5 files do.

    Raises:
        UserError: There is no such file, it cannot be read, it is empty, or it is plainly
            something else that was saved under the name of a model.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: name the model file in it")
    if not path.is_file():
        raise UserError(f"{path} is not there, or is no file: check the path")
    with reading(path), path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise UserError(f"{path} is empty: download it again")
    if head.startswith(b"version https://git-lfs"):
        raise UserError(
            f"{path} is a Git-LFS pointer, not the model itself: fetch it with `git lfs pull`"
        )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(HTML):
        raise UserError(
            f"{path} is a web page saved under a model's name: download the file that it links to"
        )
    for magic, name in ARCHIVES.items():
        if head.startswith(magic):
            raise UserError(f"{path} is a {name} archive: unpack it and name the file inside")
    return head.startswith(HDF5_SIGNATURE)


def printable(name: str) -> str:
    """A name out of a file, fit to stand in a sentence: one line, escaped, not too long."""
    if not name.isprintable():
        name = ascii(name)[1:-1]
    return name if len(name) <= 100 else f"{name[:100]}..."


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns the operating system's errors into a `UserError`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` to write to; it is renamed if all went well.

    Its name ends as that of `path` does. Folders are made if need be.

    Raises:
        UserError: The place cannot be written.
    """
    temporary = path.with_name(f".{os.getpid()}.part.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise UserError(f"{path} is a folder: name a file to write")
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise UserError(f"{path} cannot be written: {reason}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits; one that has not changed is read once."""
    with reading(path):
        status = path.stat()
        return _sha256(path, status.st_size, status.st_mtime_ns)


@functools.cache
def _sha256(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
