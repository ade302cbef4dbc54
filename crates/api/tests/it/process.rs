//! The real program in a process of its own, to be killed.

use crate::app::Person;
use crate::database::Database;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// The program under test.
pub const CURRENT: &str = env!("CARGO_BIN_EXE_banter");

/// A running `banter serve`.
pub struct Process {
    child: Child,
    /// Where it serves, as its ready line says.
    pub url: String,
}

impl Process {
    /// Starts it on a free port, or on the one of `url`, and waits for its ready line.
    pub fn start(database: &Database, url: Option<&str>) -> Process {
        Process::start_with(database, url, &[("LOG", "error")], Stdio::inherit())
    }

    /// The same with more settings, which win, and its log going somewhere.
    pub fn start_with(database: &Database, url: Option<&str>, settings: &[(&str, &str)], log: Stdio) -> Process {
        Process::start_program(CURRENT, database, url, settings, log)
    }

    /// The same with another program.
    pub fn start_program(
        program: &str,
        database: &Database,
        url: Option<&str>,
        settings: &[(&str, &str)],
        log: Stdio,
    ) -> Process {
        // A file that may not grow is an error to it, as a full disk is, and not its end.
        let mut command = Command::new("sh");
        command.args(["-c", r#"trap "" XFSZ; exec "$0""#, program]);
        for setting in api::cli::settings() {
            command.env_remove(setting.get_env().unwrap());
        }
        let listen = url.map_or("127.0.0.1:0", |url| url.trim_start_matches("http://"));
        command.env("DATABASE_URL", &database.url).env("DATA_DIR", database.folder());
        command.env("LISTEN", listen).env("LIMITS", "off").env("GUESTS", "browser");
        command.env("PASSWORD_COST", "4").env("ROOT_PASSWORD", crate::app::ROOT_PASSWORD);
        command.envs(settings.iter().copied());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("a ready line");
        assert_eq!(ready["event"], "ready");
        Process { url: ready["url"].as_str().unwrap().to_owned(), child }
    }

    /// What it wrote to its log until now; it is killed for that.
    pub fn log(mut self) -> String {
        self.child.kill().unwrap();
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        self.child.wait().unwrap();
        text
    }

    /// Lets no file of it grow beyond so many bytes, or any (`None`).
    #[cfg(target_os = "linux")]
    pub fn limit_files(&self, bytes: Option<u64>) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let limit = rustix::process::Rlimit { current: bytes, maximum: None };
        rustix::process::prlimit(Some(pid), rustix::process::Resource::Fsize, limit).unwrap();
    }

    /// SIGKILL: no goodbye, nothing is written any more.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; the exit code.
    pub fn terminate(mut self) -> Option<i32> {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

/// The value of a metric that is labelled with its node alone.
pub fn metric(text: &str, name: &str) -> Option<String> {
    let of_name = text.lines().find(|line| line.starts_with(&format!("{name}{{node=")))?;
    of_name.rsplit_once("\"} ").map(|(_, value)| value.to_owned())
}

/// Registers somebody with a room of their own at `url`; the login and the room's uid.
pub async fn owner_and_room(url: &str) -> (Person, String) {
    let client = awc::Client::default();
    let body = json!({ "username": "ann", "password": crate::app::PASSWORD });
    let mut reply = client.post(format!("{url}/users/register")).send_json(&body).await.unwrap();
    let login: Value = reply.json().await.unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ann = Person { uid: text(&login["user"]["uid"]), token: text(&login["token"]) };
    let request = client.post(format!("{url}/rooms")).bearer_auth(&ann.token);
    let room: Value = request.send_json(&json!({ "name": "Lobby" })).await.unwrap().json().await.unwrap();
    (ann, text(&room["room"]["uid"]))
}

/// A room's whole history, ascending, page by page.
pub async fn history(url: &str, room: &str) -> Vec<Value> {
    let client = awc::Client::default();
    let mut all = Vec::new();
    let mut after = 0;
    loop {
        let page = format!("{url}/rooms/{room}/messages?after={after}&limit=100");
        let page: Value = client.get(page).send().await.unwrap().json().limit(1 << 20).await.unwrap();
        all.extend(page["messages"].as_array().unwrap().iter().cloned());
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => return all,
        }
    }
}
