-- Nothing here: SQLite is in the process, and has no messages. The step keeps both lists alike.
SELECT 1;
