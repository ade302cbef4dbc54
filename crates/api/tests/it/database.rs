//! A fresh database for each test: a SQLite file, or a schema of the PostgreSQL server in TEST_DATABASE_URL.

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// Where a test's data is; gone when dropped.
pub struct Database {
    /// What opens it.
    pub url: String,
    folder: TempDir,
    schema: Option<String>,
}

impl Database {
    /// An empty SQLite file.
    pub fn sqlite() -> Database {
        let folder = tempfile::tempdir().unwrap();
        Database { url: format!("sqlite:{}", folder.path().join("test.db").display()), folder, schema: None }
    }

    /// An empty schema of the server that the test script started.
    pub fn postgres() -> Database {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("TEST_DATABASE_URL");
        let server = server.expect("TEST_DATABASE_URL is not set; run npx -y rust-just test");
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let schema = format!("api_{}_{number}", std::process::id());
        administrate(&server, &format!("CREATE SCHEMA {schema}"));
        let joint = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{joint}options=-csearch_path%3D{schema}");
        Database { url, folder: tempfile::tempdir().unwrap(), schema: Some(schema) }
    }

    /// A database that is somewhere already, and stays there.
    pub fn at(url: String) -> Database {
        Database { url, folder: tempfile::tempdir().unwrap(), schema: None }
    }

    /// A folder for files of the server's own.
    pub fn folder(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (Some(schema), Ok(server)) = (&self.schema, std::env::var("TEST_DATABASE_URL")) else { return };
        if let Ok(mut connection) = PgConnection::establish(&server) {
            // Nothing is left to clean up when the server is gone.
            let _ = connection.batch_execute(&format!("DROP SCHEMA {schema} CASCADE"));
        }
    }
}

fn administrate(server: &str, sql: &str) {
    PgConnection::establish(server).unwrap().batch_execute(sql).unwrap();
}
