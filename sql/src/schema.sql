-- Stateful objects, in the order of their creation. They change by migration only.

\ir schema/roles.sql
\ir schema/schemas.sql
\ir schema/tables/model.sql
