-- The buckets of the quotas that are counted over all nodes: a keyed hash of what is counted, and when the bucket is full
-- again, in ms. A few rows are updated most of all: no other index, and room beside the old row.
CREATE TABLE quota_buckets (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    arrives_at BIGINT NOT NULL
) WITH (fillfactor = 50);
