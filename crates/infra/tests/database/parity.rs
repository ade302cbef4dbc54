//! Both databases have the same tables, columns and indexes.

use crate::support::{Database, file_connection};
use diesel::prelude::*;
use diesel::sql_types::Text;
use infra::migrate;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

const POSTGRES_COLUMNS: &str = "SELECT table_name || '.' || column_name || ' ' || data_type || \
    CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END AS line FROM information_schema.columns \
    WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_\\_%' ORDER BY 1";
const SQLITE_COLUMNS: &str = "SELECT m.name || '.' || c.name || ' ' || \
    CASE WHEN c.pk AND c.type = 'INTEGER' THEN 'bigint' WHEN c.type = 'BOOL' THEN 'boolean' ELSE lower(c.type) END || \
    CASE WHEN c.pk OR c.\"notnull\" THEN ' not null' ELSE '' END AS line \
    FROM sqlite_master AS m, pragma_table_info(m.name) AS c \
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY 1";
// What a primary key or a unique column brings along has no name of ours.
const POSTGRES_INDEXES: &str = "SELECT indexname || ' on ' || tablename AS line FROM pg_indexes \
    WHERE schemaname = current_schema() AND indexname NOT LIKE '%\\_pkey' AND indexname NOT LIKE '%\\_key' ORDER BY 1";
const SQLITE_INDEXES: &str = "SELECT name || ' on ' || tbl_name AS line FROM sqlite_master \
    WHERE type = 'index' AND name NOT LIKE 'sqlite%' ORDER BY 1";

fn lines(database: &Database, postgres: &str, sqlite: &str) -> Vec<String> {
    let rows: Vec<Line> = match database {
        Database::Sqlite(folder) => {
            let mut conn = file_connection(folder);
            diesel::sql_query(sqlite).load(&mut conn).unwrap()
        }
        Database::Postgres(schema) => diesel::sql_query(postgres).load(&mut schema.connection()).unwrap(),
    };
    let mut lines: Vec<String> = rows.into_iter().map(|row| row.line).collect();
    lines.sort();
    lines
}

#[test]
fn both_databases_have_the_same_tables_columns_and_indexes() {
    let [sqlite, postgres] = Database::both();
    for database in [&sqlite, &postgres] {
        migrate(&database.url()).unwrap();
    }
    for (on_postgres, on_sqlite) in [(POSTGRES_COLUMNS, SQLITE_COLUMNS), (POSTGRES_INDEXES, SQLITE_INDEXES)] {
        let expected = lines(&postgres, on_postgres, on_sqlite);
        assert!(expected.len() > 10, "{expected:?}");
        assert_eq!(lines(&sqlite, on_postgres, on_sqlite), expected);
    }
}
