-- What a key is bound to: its surfaces as a JSON list of names (empty: bound to no surface), whether
-- their refusals are applied, and what it may spend in a month and a day, in nano-units.
-- This file never changes once it is released: a change is a new file.

ALTER TABLE keys ADD COLUMN surfaces TEXT NOT NULL DEFAULT '[]';
ALTER TABLE keys ADD COLUMN enforce TEXT NOT NULL DEFAULT 'on';
ALTER TABLE keys ADD COLUMN monthly_cap_nanos BIGINT;
ALTER TABLE keys ADD COLUMN daily_cap_nanos BIGINT;
