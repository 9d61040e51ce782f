# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback of Ansible that keeps what each ansible-playbook makes anew: archives of modules, and compiled plugins. ``MSPORTS_PACKED`` names the folder.

Half of a run's processor time goes into reading and compiling what a module imports, on the controller and once more on the host. The archive is the same
for each run of one checkout, so it is made once for all of them, and compiled: a host with the controller's Python takes that, any other compiles. It is found
by the name of the module alone: the folder is never used for two versions of a module, and each ansible-core and each Python has one of its own below it.
Compiled code of collections, which Ansible keeps nowhere, is found by its source.

Every task of every host is a worker of its own, which forgets what it learned. What ``MSPORTS_BEFOREHAND`` names, modules and functions, is imported and
called before the first of them is there.
"""

from __future__ import annotations

import base64
import dataclasses
import gc
import hashlib
import importlib.util
import io
import marshal
import os
import pathlib
import pkgutil
import runpy
import sys
import types
import zipfile

from ansible import __version__, constants
from ansible.executor import module_common
from ansible.plugins.callback import CallbackBase
from ansible.utils.collection_loader import _collection_finder

LOADER = _collection_finder._AnsibleCollectionPkgLoaderBase
compiled = LOADER.get_code
dump = module_common._CachedModule.dump
once = runpy.run_path(str(pathlib.Path(__file__).resolve().parents[1] / "kept.py"))["once"]
FOLDER = pathlib.Path(os.environ["MSPORTS_PACKED"], f"{__version__}-{sys.implementation.cache_tag}")
UNCHECKED = (1).to_bytes(4, "little")  # the compiled code is taken whatever the source's time is


def get_code(self, fullname: str) -> types.CodeType | None:
    """The code of a module, from the folder where an earlier run has left it. Tests reach one checkout by many links, so the file's own path counts."""
    source = self.get_source(fullname)
    if source is None or self._compiled_code:
        return compiled(self, fullname)
    path, text = os.path.realpath(self.get_filename(fullname)), source.encode() if isinstance(source, str) else source
    place = FOLDER / (hashlib.sha256(path.encode() + b"\0" + text).hexdigest() + ".code")
    self._compiled_code = once(place, lambda: compile(source, path, "exec", flags=0, dont_inherit=True))
    return self._compiled_code


def dump_compiled(self, path: str) -> None:
    """Keep an archive for the next runs, compiled."""
    archive = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(self.zip_data))) as sources, zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sources.namelist():
            source = sources.read(name)
            if name.endswith(".py"):
                code = marshal.dumps(compile(source, name, "exec", dont_inherit=True))
                packed.writestr(name + "c", importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(source) + code)
            packed.writestr(name, source)
    dump(dataclasses.replace(self, zip_data=base64.b64encode(archive.getvalue())), path)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "packed_once"

    def __init__(self) -> None:
        super().__init__()
        # Made before the first task, so before any worker is there. The run's own folder goes at its end, and with it the link alone.
        FOLDER.mkdir(exist_ok=True)
        os.symlink(FOLDER, os.path.join(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache"))
        LOADER.get_code = get_code
        module_common._CachedModule.dump = dump_compiled
        gc.disable()  # a run is short
        for name in os.environ.get("MSPORTS_BEFOREHAND", "").split():
            named = pkgutil.resolve_name(name)
            if not isinstance(named, types.ModuleType):
                named()
