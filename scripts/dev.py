#!/usr/bin/env python3
"""Start the development cluster and install the bundle as it is now into its database dev."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pgenv import Cluster, Problem, provision

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Start, install, say how to get in."""
    try:
        cluster = Cluster.named("dev", provision())
        cluster.create({"cron.database_name": "dev"})
        cluster.start()
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1

    def psql(dbname: str, *arguments: str) -> str:
        command = [cluster.bin("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(
            [*command, *arguments], env=cluster.env(dbname), check=True, stdout=subprocess.PIPE
        )
        return done.stdout.decode().strip()

    if not psql("postgres", "-c", "select 1 from pg_database where datname = 'dev'"):
        psql("postgres", "-c", "create database dev")
    for extension in ("vector", "plpython3u", "pg_cron"):
        psql(
            "dev",
            "-c",
            f"set client_min_messages = warning; create extension if not exists {extension}",
        )
    print(psql("dev", "-f", str(ROOT / "sql" / "install.sql")))
    print(f"PostgreSQL {cluster.postgres.major} is running, log: {cluster.log}")
    print("Open psql with: make psql")
    print(f"or with: {cluster.bin('psql')} '{cluster.dsn('dev')}'")
    return 0


if __name__ == "__main__":
    sys.exit(main())
