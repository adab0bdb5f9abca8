-- Functions in PL/Python. Where the language is missing each is replaced by one that says so.

\ir code/python/plan_documents.sql
\ir code/python/check_chunking.sql
\ir code/python/chunk.sql
\ir code/python/check_policy.sql
\ir code/python/accepted.sql
\ir code/python/explain_change.sql
\ir code/python/replay.sql
\ir code/python/embed.sql
\ir code/python/_load_provider.sql
\ir code/python/_embed_query.sql
\ir code/python/test_model.sql
\ir code/python/work.sql
