DROP TABLE site_users;
ALTER TABLE users DROP COLUMN site_rank;
ALTER TABLE users DROP COLUMN site;
