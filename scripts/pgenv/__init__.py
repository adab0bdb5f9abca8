"""Private PostgreSQL servers for the demo, the tests and developers.

Everything lives in one git-ignored folder, ``.steward``: the programs (when the machine has none
that suit), one initialised data directory a version to copy from, and the clusters. A PostgreSQL
that the machine already has is at most executed from, never changed.

    from pgenv import Cluster

    with Cluster.ephemeral() as cluster:          # or ephemeral(17)
        psycopg.connect(cluster.dsn("postgres"))

``home`` knows the folder, ``postgres`` finds or provides the programs, ``debian`` unpacks them from
Debian's packages, ``cluster`` runs servers. The command line is ``scripts/cluster.py``.
"""

from .cluster import Cluster, clean
from .home import Problem, home
from .postgres import Postgres, find, provision

__all__ = ["Cluster", "Postgres", "Problem", "clean", "find", "home", "provision"]
