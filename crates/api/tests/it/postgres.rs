//! A PostgreSQL of a test's own, to be stopped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A server that ends with this value.
pub struct Postgres {
    /// What opens it.
    pub url: String,
    control: String,
    script: Child,
    /// Closed, it tells the script to clean up: also when the test was killed.
    stdin: Option<ChildStdin>,
}

impl Postgres {
    /// Starts one beside the one that the test script started.
    pub fn start() -> Postgres {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/with-postgres");
        let mut command = Command::new(path);
        command.args(["sh", "-c", r#"echo "$TEST_DATABASE_URL"; echo "$TEST_POSTGRES_CTL"; exec cat"#]);
        let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(script.stdout.take().unwrap()).lines();
        let mut line = || lines.next().expect("a PostgreSQL").unwrap();
        Postgres { url: line(), control: line(), stdin: script.stdin.take(), script }
    }

    /// Ends all its processes at once, as a crash does.
    pub async fn crash(&self) {
        self.control(&["stop", "-m", "immediate"]).await;
    }

    /// Starts it again.
    pub async fn recover(&self) {
        self.control(&["start"]).await;
    }

    async fn control(&self, arguments: &[&str]) {
        let mut control = Command::new(&self.control);
        control.args(arguments).stdout(Stdio::null());
        let done = actix_web::rt::task::spawn_blocking(move || control.status()).await.unwrap().unwrap();
        assert!(done.success(), "pg_ctl {arguments:?}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It removes its folder; whether that worked is no matter of the test.
        let _ = self.script.wait();
    }
}
