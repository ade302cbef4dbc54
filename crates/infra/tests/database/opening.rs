//! Opening a database, or being told clearly why not.

use crate::support::Database;
use infra::{Options, Store};
use std::sync::Arc;
use testkit::bus::RecordingBus;
use testkit::conformance::Subject;

#[track_caller]
fn refused(url: &str, part: &str) {
    let words = match Store::open(url, Options::default(), Arc::new(RecordingBus::default())) {
        Ok(_) => "it was opened".to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(words.contains(part), "{words}");
    assert!(!words.contains('\n') && !words.contains("hunter2") && !words.contains("hunter 2"), "{words}");
}

#[test]
fn what_cannot_be_opened_is_said_in_one_line_without_the_password() {
    refused("mysql://ann:hunter2@localhost/chat", "must begin with postgres:// or sqlite:");
    refused("sqlite::memory:", "needs a file");
    refused("sqlite:/dev/null/banter.db", "cannot be made");
    refused("postgres://ann:hunter2@127.0.0.1:1/chat", "cannot be opened");
    refused("postgres://ann:hunter%202@no-such-host.invalid/chat", "cannot be opened");
    refused("postgres://ann:x/hunter2@localhost/chat", "percent-encoded");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "this is no database at all, and long enough to be looked at twice").unwrap();
    refused(&format!("sqlite:{}", path.display()), "cannot be opened");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("this is no database"));
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone_and_its_folders_are_made() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/banter.db");
    let url = format!("sqlite:{}", path.display());
    let _store = Store::open(&url, Options::default(), Arc::new(RecordingBus::default())).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    for database in Database::both() {
        let (subject, store) = database.subject();
        let (room, owner) = subject.room("lobby", "ann").await;
        subject.post(room.id, &owner, "hello").await;
        store.set_setting("color", "blue").await.unwrap();
        store.set_setting("color", "green").await.unwrap();
        store.shutdown();

        let (again, reopened): (Subject, Store) = database.subject();
        assert_eq!(again.texts(room.id).await, ["hello"]);
        assert_eq!(reopened.setting("color").await.unwrap().as_deref(), Some("green"));
        assert_eq!(reopened.setting("shape").await.unwrap(), None);
        assert_eq!(reopened.token_key.bytes(), store.token_key.bytes());
        assert_eq!(reopened.network_key.bytes(), store.network_key.bytes());
        assert_ne!(store.token_key.bytes(), store.network_key.bytes());
    }
}

#[tokio::test]
async fn a_session_is_no_number_in_a_row() {
    for database in Database::both() {
        let (subject, _store) = database.subject();
        let ann = subject.user("ann").await;
        let now = testkit::builders::NOON;
        let first = subject.accounts.open_session(ann.id, now, now).await.unwrap().id.0;
        let second = subject.accounts.open_session(ann.id, now, now).await.unwrap().id.0;
        assert!(first.abs_diff(second) > 1_000, "{first} {second}");
        assert!((1..1 << 53).contains(&first));
    }
}
