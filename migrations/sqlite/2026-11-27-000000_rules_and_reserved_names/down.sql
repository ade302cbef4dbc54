DROP INDEX room_events_person;
DROP INDEX room_events_actor;
DROP INDEX names_reserved_until;
ALTER TABLE names DROP COLUMN reserved_until;
ALTER TABLE rooms DROP COLUMN readers;
ALTER TABLE rooms DROP COLUMN max_lines;
