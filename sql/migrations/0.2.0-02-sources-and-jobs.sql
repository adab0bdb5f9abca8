-- New tables only.
\ir ../src/schema/tables/source.sql
\ir ../src/schema/tables/policy.sql
\ir ../src/schema/tables/space.sql
\ir ../src/schema/tables/tenure.sql
\ir ../src/schema/tables/claim.sql
\ir ../src/schema/tables/decision.sql
\ir ../src/schema/tables/decision_rest.sql
\ir ../src/schema/tables/horizon.sql
\ir ../src/schema/tables/backfill.sql
\ir ../src/schema/tables/usage.sql
\ir ../src/schema/tables/tally.sql
\ir ../src/schema/tables/census.sql
\ir ../src/schema/tables/worker.sql
\ir ../src/schema/tables/setting.sql
