# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Files and folders that are either whole or not there."""

from collections.abc import Iterator
import contextlib
import errno
import os
import pathlib
import shutil
import stat
import struct
import tempfile
import tokenize
import zipfile
import zlib

# What zipfile and NumPy raise for damaged content, beside OSError.
DAMAGES = (
  EOFError,
  OverflowError,
  RuntimeError,
  TypeError,
  ValueError,
  struct.error,
  tokenize.TokenError,
  zipfile.BadZipFile,
  zlib.error,
)


@contextlib.contextmanager
def telling(path: str | os.PathLike[str]) -> Iterator[None]:
  """Makes an OSError name the file and say what to do."""
  try:
    yield
  except OSError as error:
    number = error.errno
    if number == errno.EEXIST:  # said of a file where a folder is to be made
      number = errno.ENOTDIR
    advice = "choose another folder"
    if number in (errno.ENOSPC, errno.EDQUOT):
      advice = f"free space or {advice}"
    reason = os.strerror(number) if number else error
    raise OSError(
      number, f"Cannot write {os.fspath(path)!r}: {reason}; {advice}"
    ) from error


def check_regular(path: str | os.PathLike[str]) -> None:
  """Raises ValueError for what is neither a file nor a folder, before it opens.

  A pipe would wait for what writes into it, and a device may have no end.

  Raises:
    OSError: it is not there.
  """
  mode = os.stat(path).st_mode
  if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
    raise ValueError(
      f"{os.fspath(path)!r} is a pipe or a device; give a file, to which its"
      " content is written before"
    )


def check_writable(
  path: str | os.PathLike[str], *, overwrite: bool = True
) -> None:
  """Makes the folder of a file, and raises unless the file can be written.

  Call it before the work whose result the file gets.

  Args:
    path: of the file; what is there stays.
    overwrite: whether it may be replaced then.

  Raises:
    FileExistsError: there is a file that may not be replaced.
    OSError: the folder cannot be made or written, or the path is a folder.
  """
  path = pathlib.Path(path)
  if path.is_file() and not overwrite:
    raise FileExistsError(
      f"{path} exists; choose another --output or --overwrite."
    )
  with telling(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent):
      pass
    if path.is_dir():
      raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def write(path: str | os.PathLike[str], content: bytes | str) -> None:
  """Writes a file so that nobody ever sees a part of it.

  The content goes to a temporary file in the same folder, reaches the disk,
  and takes the final name last; on an error nothing is left behind.

  Args:
    path: its folder is made if it does not exist.
    content: text is encoded as UTF-8.

  Raises:
    OSError: the folder cannot be written or the disk is full.
  """
  path = pathlib.Path(path)
  with telling(path):
    _write(path, content)


@contextlib.contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
  """Gives the place of a folder that takes its final name when it is whole.

  On an error nothing is left behind, and what was there before stays.

  Args:
    path: of the folder; what is there is replaced at the end.

  Yields:
    Where to make it, by the same name: there is nothing yet.

  Raises:
    OSError: the folder cannot be written.
  """
  path = pathlib.Path(path)
  with telling(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.")
  names = (path.name, f"old.{path.name}")
  new, old = (pathlib.Path(temporary, name) for name in names)
  try:
    yield new
    with telling(path):
      if path.exists():
        path.rename(old)
      new.rename(path)
  finally:
    shutil.rmtree(temporary)


def _write(path: pathlib.Path, content: bytes | str) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  if isinstance(content, str):
    content = content.encode("utf-8")
  descriptor, temporary = tempfile.mkstemp(
    dir=path.parent, prefix=f".{path.name}."
  )
  try:
    with os.fdopen(descriptor, "wb") as file:
      file.write(content)
      file.flush()
      os.fsync(file.fileno())
    # mkstemp makes files for the owner alone; give them the usual mode.
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(temporary, 0o666 & ~mask)
    os.replace(temporary, path)
  except BaseException:
    os.unlink(temporary)
    raise
