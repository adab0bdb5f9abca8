-- Stateful objects, in the order of their creation. They change by migration only.

\ir schema/roles.sql
\ir schema/schemas.sql

-- what there is to look after
\ir schema/tables/model.sql
\ir schema/tables/source.sql
\ir schema/tables/policy.sql
\ir schema/tables/space.sql
\ir schema/tables/tenure.sql

-- work under way, and what came of it
\ir schema/tables/claim.sql
\ir schema/tables/decision.sql
\ir schema/tables/decision_rest.sql
\ir schema/tables/horizon.sql
\ir schema/tables/backfill.sql
\ir schema/tables/usage.sql
\ir schema/tables/tally.sql
\ir schema/tables/census.sql
\ir schema/tables/worker.sql
\ir schema/tables/setting.sql
\ir schema/tables/secret.sql
