//! The program as the operator runs it.

use crate::database::Database;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

/// The program, with none of the caller's own settings.
pub fn banter(database: &Database, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_banter"));
    for setting in api::cli::settings() {
        command.env_remove(setting.get_env().unwrap());
    }
    command.env("DATABASE_URL", &database.url).env("DATA_DIR", database.folder()).env("PASSWORD_COST", "4");
    command.args(arguments).stdin(Stdio::null());
    command
}

#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    if code == 0 {
        return out.into_owned();
    }
    assert_eq!((err.lines().count(), out.as_ref()), (1, ""), "one line: {err}");
    err.into_owned()
}

/// What it says on stdout, or in its one line on stderr where `code` is not 0.
#[track_caller]
pub fn run(database: &Database, arguments: &[&str], code: i32) -> String {
    said(&banter(database, arguments).output().unwrap(), code)
}

fn with_stdin(database: &Database, arguments: &[&str], input: &str) -> Output {
    let mut child = banter(database, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn databases() -> impl Iterator<Item = Database> {
    [Database::sqlite(), Database::postgres()].into_iter()
}

#[test]
fn the_operator_makes_users_and_sets_ranks_and_passwords() {
    for database in databases() {
        assert!(!run(&database, &["migrate"], 0).is_empty());
        assert_eq!(run(&database, &["migrate"], 0), "");
        let made = run(&database, &["user", "create", "ann"], 0);
        assert!(made.contains("made ann (registered)") && made.contains("password: "), "{made}");
        let made =
            with_stdin(&database, &["user", "create", "bob", "--role", "admin", "--password-stdin"], "long enough\n");
        let made = said(&made, 0);
        assert!(made.contains("bob (admin)") && !made.contains("password"), "{made}");
        run(&database, &["user", "role", "BOB", "super_mod"], 0);
        assert!(run(&database, &["user", "password", "ann"], 0).contains("password: "));
        assert!(run(&database, &["user", "create", "Ann"], 1).contains("is taken"));
        assert!(run(&database, &["user", "role", "nobody", "admin"], 1).contains("There is no such user"));
        assert!(run(&database, &["user", "create", "x"], 2).contains("username"));
        assert!(
            said(&with_stdin(&database, &["user", "password", "ann", "--password-stdin"], "short\n"), 2)
                .contains("password")
        );
        let made = run(&database, &["site", "create", "Example", "--owner", "ANN", "--origin", "https://a.example"], 0);
        let site = made.trim().rsplit(' ').next().unwrap();
        assert_eq!(run(&database, &["site", "list"], 0), format!("{site}\tExample\n"));
        let key = run(&database, &["site", "key", site, "--name", "live"], 0);
        assert!(key.starts_with(&format!("kid: {site}-")) && key.contains("\nsecret: "), "{key}");
        assert!(run(&database, &["site", "key", "aaaaaaaa"], 1).contains("no such site"));
        assert!(run(&database, &["site", "create", "Example", "--owner", "nobody"], 1).contains("no such user"));
        assert_eq!(run(&database, &["room", "list"], 0), "");
        assert!(run(&database, &["export", "aaaaaaaaaaaa"], 1).contains("no such room"));
    }
}

#[test]
fn wrong_values_are_one_line_and_exit_2() {
    let database = Database::sqlite();
    for (arguments, part) in [
        (&["serve", "--listen", "nowhere"][..], "--listen"),
        (&["--guests", "maybe"], "maybe"),
        (&["--limits", "off", "--public-url", "https://chat.example"], "PUBLIC_URL"),
        (&["--public-url", "example.org"], "PUBLIC_URL must be like"),
        (&["--public-url", "https://example.org/chat?x=1"], "without a query"),
        (&["--public-url", "https://example.org/chat#x"], "without a fragment"),
        (&["--public-url", "https://example.org/docs"], "/docs"),
        (&["--root-password", "short"], "ROOT_PASSWORD"),
        (&["--log", "loud"], "LOG"),
        (&["--nats-url", "nats://x"], "NATS_URL needs a DATABASE_URL that begins with postgres://"),
        (&["--node-name", "a.b"], "--node-name"),
        (&["--nats-prefix", "a.*"], "--nats-prefix"),
        (&["fly"], "fly"),
        (&["user", "create"], "NAME"),
        (&["user", "create", "ann", "--role", "root"], "super_mod"),
        (&["export", "short"], "12 letters"),
    ] {
        let line = run(&database, arguments, 2);
        assert!(line.contains(part), "{arguments:?}: {line}");
    }
    let output = banter(&database, &["migrate"]).env("DATABASE_URL", "mysql://ann:secret@h/d").output().unwrap();
    let line = said(&output, 2);
    assert!(line.contains("DATABASE_URL") && !line.contains("secret"), "{line}");
    let output = banter(&database, &[]).env("PUBLIC_URL", "https://ann:secret@example.org/chat").output().unwrap();
    let line = said(&output, 2);
    assert!(line.contains("PUBLIC_URL") && line.contains("password") && !line.contains("secret"), "{line}");
    let output = banter(&database, &[]).env("LISTEN", "x").output().unwrap();
    assert!(said(&output, 2).contains("LISTEN"));
}

#[test]
fn help_and_version_are_told() {
    let database = Database::sqlite();
    assert!(run(&database, &["--version"], 0).starts_with("banter "));
    let help = run(&database, &["serve", "--help"], 0);
    for setting in api::cli::settings().filter(|setting| !setting.is_hide_set()) {
        assert!(help.contains(setting.get_env().unwrap().to_str().unwrap()), "{:?}", setting.get_id());
    }
    assert!(!run(&database, &["migrate", "--help"], 0).contains("TRUSTED_PROXIES"));
}

#[test]
fn settings_of_the_environment_do_not_stand_in_the_way_of_commands() {
    let database = Database::sqlite();
    let output =
        banter(&database, &["room", "list"]).env("LISTEN", "127.0.0.1:0").env("GUESTS", "off").output().unwrap();
    said(&output, 0);
}

/// Started, used, asked to stop; then its room is exported.
#[test]
fn a_server_says_where_it_is_and_what_it_kept_can_be_exported() {
    for database in databases() {
        let settings = ["serve", "--listen", "127.0.0.1:0", "--root-password", "root password"];
        let mut child = banter(&database, &settings).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["event"], "ready");
        let room = actix_web::rt::System::new().block_on(use_it(ready["url"].as_str().unwrap().to_owned()));
        // The program's own child, by its id.
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0));
        let log = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!log.contains("hello") && !log.contains("root password"), "{log}");

        let export = run(&database, &["export", &room], 0);
        let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
        assert_eq!(events, ["room", "message", "room_updated"]);
        assert_eq!(lines[1]["data"]["message"], "hello");
        assert_eq!(run(&database, &["room", "list"], 0), format!("{room}\t30\tlobby\n"));
    }
}

async fn use_it(url: String) -> String {
    let client = awc::Client::new();
    let call = async |path: &str, token: &str, body: Value| -> Value {
        let request = client.post(format!("{url}{path}")).insert_header(("authorization", format!("Bearer {token}")));
        let mut response = request.send_json(&body).await.unwrap();
        serde_json::from_slice(&response.body().await.unwrap()).unwrap()
    };
    let login = client.post(format!("{url}/users/login"));
    let login = login.send_json(&serde_json::json!({ "username": "root", "password": "root password" }));
    let login: Value = serde_json::from_slice(&login.await.unwrap().body().await.unwrap()).unwrap();
    let token = login["token"].as_str().unwrap();
    let room = call("/rooms", token, serde_json::json!({ "name": "lobby" })).await;
    let room = room["room"]["uid"].as_str().unwrap().to_owned();
    for text in ["hello", "/slow 30"] {
        call("/messages", token, serde_json::json!({ "room": room, "message": text })).await;
    }
    room
}

#[test]
fn a_restored_database_gets_new_epochs() {
    for database in databases() {
        run(&database, &["migrate"], 0);
        assert_eq!(run(&database, &["migrate", "--restored"], 0), "1 logs have new epochs\n", "the server's own");
    }
}

#[test]
fn one_sqlite_file_is_served_by_one_server_and_the_operator_works_beside_it() {
    let database = Database::sqlite();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--root-password", "root password", "--log", "error"];
    let start = || {
        let mut child = banter(&database, &serve).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        (child, ready["url"].as_str().unwrap().to_owned())
    };
    let (mut first, url) = start();
    let refused = run(&database, &serve, 1);
    assert!(refused.contains(&url) && refused.contains(&format!("process {}", first.id())), "{refused}");
    assert!(run(&database, &["user", "create", "ann"], 0).contains("made ann"));
    assert_eq!(run(&database, &["room", "list"], 0), "");
    // The lock dies with its process, however that dies.
    first.kill().unwrap();
    first.wait().unwrap();
    let (mut second, _) = start();
    second.kill().unwrap();
    second.wait().unwrap();
}
