"""What stands in a file, by its first bytes."""

from pathlib import Path

from errors import UserError
from files import reading

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
