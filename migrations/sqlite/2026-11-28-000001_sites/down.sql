DROP INDEX rooms_site;
ALTER TABLE rooms DROP COLUMN site;
DROP TABLE site_keys;
DROP TABLE sites;
