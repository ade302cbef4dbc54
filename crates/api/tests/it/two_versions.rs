//! A deploy: for its time two versions of the program serve one chat on one database.

use crate::cluster::{Cluster, Traffic};
use crate::process;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program as it was before the tables changed last; `None` where the repository's history is not there to build it from.
fn previous_version() -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/previous-version");
    let output = Command::new(script).stderr(Stdio::inherit()).output().expect("the script runs");
    match output.status.code() {
        Some(3) => None,
        code => {
            assert_eq!(code, Some(0), "the previous version is built");
            Some(String::from_utf8(output.stdout).expect("a path").trim().to_owned())
        }
    }
}

#[actix_web::test]
async fn nodes_of_the_version_before_the_tables_changed_serve_beside_new_ones_until_they_are_replaced() {
    let Some(previous) = previous_version() else { return };
    let mut cluster = Cluster::start_program(previous, 2);
    let traffic = Traffic::prepare(&cluster).await;
    cluster.program = process::CURRENT.to_owned();
    traffic
        .survives(async {
            for node in [1, 0] {
                assert_eq!(cluster.terminate(node).await, Some(0));
                // The first to start changes the tables.
                cluster.start_again(node).await;
                traffic.some_more(200).await;
            }
        })
        .await;
}
