select :'steward_at' = '@from@' as steward_rung \gset
\if :steward_rung
\ir steward--@from@--@to@.sql
\set steward_at @to@
\endif
