#!/usr/bin/env python3
"""Show the main job of pg_steward on a PostgreSQL of its own, which is made anew on each run."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys

import psycopg

import demo_worker
from demo_stage import DBNAME, Failed, Story, Terminal
from pgenv import Cluster, Problem, provision
from pgenv.home import locked


def tell(story: Story) -> None:
    """The story, from an empty database to one that looks after itself."""
    tell, show = story.terminal.tell, story.show

    tell("An empty database. pg_steward needs pgvector; with PL/Python and pg_cron it can do more.")
    show("create extension vector;")
    show("create extension plpython3u;")
    show("create extension pg_cron;")
    show(r"\i sql/install.sql")

    tell("A table as you may have one. It has 36 short articles, and nothing about vectors.")
    show(
        """
        create table articles (
            id bigint generated always as identity primary key,
            title text not null,
            body text not null
        );
        """
    )
    show(r"\i scripts/demo.sql")

    tell(
        """Tell pg_steward to look after it. The answer is the number of rows that wait to be
        embedded."""
    )
    show("select steward.track('articles', content => 'body', chunking => '{\"size\": 300}');")

    tell(
        """Embed them, here by hand, with the built-in model builtin/hash@1. It compares words and
        spellings and knows no meaning: it is for trying out and testing, not for production."""
    )
    story.show_work()

    tell("Search. What is found are chunks; key says which row a chunk belongs to.")
    show(search("how do I get bread dough to rise"))
    tell("Half of this query is misspelt.")
    show(search("thuderstorm clouds"))

    tell("Change one sentence of a long article, and only the title of another.")
    show(
        """
        update articles
        set body = replace(body, 'Restore a backup on a spare server once a month.',
            'Let a robot restore the backup every morning, and let it shout when a table is short.')
        where title = 'A guide to backups';
        """
    )
    show("update articles set title = 'Dough and yeast' where title = 'Why dough rises';")
    tell("One job. The title is not what is embedded, so changing it cost nothing.")
    show("select source, key, state, generation, attempts from steward.jobs;")
    show("call steward.work(idle_seconds => 0);")
    tell("Only the chunk with the new sentence went to the model. The others kept their vectors.")
    show(
        """
        select key, outcome, reason, chunks_embedded, chunks_reused, chunks_removed
        from steward.decisions
        order by decision_id desc
        limit 1;
        """
    )
    show(search("a robot shouts about the backup"))

    tell(
        """Not every change counts. With a comma more the text means the same: the vector stays, and
        the new text is shown. Another number would be embedded, however small the change."""
    )
    show(
        """
        update articles set body = replace(body, 'all night and', 'all night, and')
        where title = 'Dough and yeast';
        """
    )
    show("call steward.work(idle_seconds => 0);")
    show(
        """
        select key, outcome, reason, chunks_embedded, chunks_accepted
        from steward.decisions
        order by decision_id desc
        limit 1;
        """
    )

    tell("Delete it. Its chunks go in the same transaction: there is nothing to wait for.")
    show("delete from articles where title = 'A guide to backups';")
    show(search("a robot shouts about the backup"))

    tell("Is everything as it should be? The column hint, left out here, says what to do if not.")
    show(
        "select source, documents, fresh, pending, failed, missing, chunks from steward.freshness;"
    )
    show("select item, status, detail from steward.check();")

    demo_worker.tell(story)

    tell("From now on pg_cron does the work: what you change is found within a minute.")
    show("select steward.start();")
    show("select * from steward.status();")


SEARCH = """
    select a.title, s.ordinal, round(s.similarity::numeric, 2) as similarity,
        regexp_replace(left(s.chunk, 40), '\\s+', ' ', 'g') as chunk
    from steward.search('articles', 'QUERY', 3) as s
    join articles as a on a.id = (s.key ->> 'id')::bigint
    order by s.similarity desc;
"""


def search(query: str) -> str:
    """The statement that searches the articles, narrow enough for a terminal."""
    return SEARCH.replace("QUERY", query)


def closing_words(cluster: Cluster, name: str) -> str:
    """What the reader can do next."""
    arguments = f"PG={cluster.postgres.major} NAME={name}"
    return f"""
The database is still running. Change an article, wait a minute, and search for it:
    make psql {arguments}
Stop it with:
    make stop {arguments}
Remove it, and everything else that was installed for it in .steward, with:
    make clean"""


def run(cluster: Cluster, name: str, terminal: Terminal) -> None:
    """Make the cluster, tell the story, say how to go on."""
    # Not only the database: a launcher of pg_cron would still hold on to the old one.
    cluster.destroy()
    cluster.create({"cron.database_name": DBNAME})
    major = cluster.postgres.major
    terminal.write(f"Starting PostgreSQL {major} with data of its own in .steward ...")
    cluster.start()
    create = [cluster.bin("psql"), "-X", "-q", "-c", f"create database {DBNAME}"]
    subprocess.run(create, env=cluster.env(), stdin=subprocess.DEVNULL, check=True)
    tell(Story(cluster, terminal))
    terminal.write(closing_words(cluster, name))


def main() -> int:
    """Run the demo, after any other that runs on the same cluster."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="demo", help="name of the cluster; default: demo")
    arguments = parser.parse_args()
    terminal = Terminal()
    # What the story has started is stopped on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        cluster = Cluster.named(arguments.name, provision())
        # Beside the cluster, not in it: the folder is removed and made anew.
        lock = cluster.folder.with_name(f"{cluster.folder.name}.lock")
        with locked(lock, "another run of the demo"):
            run(cluster, arguments.name, terminal)
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except (Failed, subprocess.CalledProcessError):
        print("error: the demo stopped at the statement above", file=sys.stderr)
        return 1
    except psycopg.Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
