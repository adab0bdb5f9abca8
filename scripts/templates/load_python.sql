create or replace function steward._load_python()
returns void
language plpython3u
volatile parallel unsafe
set search_path = pg_catalog, pg_temp
as $python$
import importlib
import importlib.abc
import importlib.machinery
import linecache
import sys

# module: (its file, its source, one literal per line)
modules = {
@modules@}


class StewardFinder(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    def find_spec(self, fullname, path=None, target=None):
        if fullname not in modules:
            return None
        return importlib.machinery.ModuleSpec(
            fullname, self, origin=modules[fullname][0], is_package=self.is_package(fullname)
        )

    def is_package(self, fullname):
        return modules[fullname][0].endswith('/__init__.py')

    def get_filename(self, fullname):
        return modules[fullname][0]

    def get_source(self, fullname):
        return modules[fullname][1]


# A session that is open across an upgrade still holds the earlier package.
sys.meta_path[:] = [each for each in sys.meta_path if type(each).__name__ != 'StewardFinder']
for name in [each for each in sys.modules if each.split('.')[0] == 'steward_py']:
    del sys.modules[name]
for file, _ in modules.values():
    linecache.cache.pop(file, None)

sys.meta_path.insert(0, StewardFinder())
GD['steward_py'] = importlib.import_module('steward_py')
GD['steward_py.digest'] = '@digest@'
$python$;

comment on function steward._load_python() is
'Load the Python package steward_py into this session. The PL/Python functions call it when the
session has none, or that of another version.';
