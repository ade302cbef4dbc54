//! What a scenario needs before it begins: guests and rooms, made over HTTP like anybody's.

use crate::link::Admission;
use crate::server::Server;
use serde_json::{Value, json};
use std::time::Duration;

/// Someone who may make rooms and users.
pub struct Setup<'a> {
    server: &'a Server,
    agent: ureq::Agent,
}

impl<'a> Setup<'a> {
    /// For this server.
    pub fn new(server: &'a Server) -> Setup<'a> {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).build();
        Setup { server, agent: config.into() }
    }

    /// Rooms, by uid. They have an owner who never writes.
    pub fn rooms(&self, count: usize) -> Result<Vec<String>, String> {
        if self.server.bare {
            return Ok((0..count).map(|number| format!("room{number:08}")).collect());
        }
        let owner = self.guest()?;
        let make = |number| {
            let answer = self.post("/rooms", Some(&owner), &json!({ "name": format!("bench {number}") }))?;
            text(&answer["room"]["uid"], "a room")
        };
        (0..count).map(make).collect()
    }

    /// How senders come in: each is a guest of its own, and does not join.
    pub fn senders(&self, count: usize) -> Result<Vec<Admission>, String> {
        let make = |tag| {
            let token = if self.server.bare { None } else { Some(self.guest()?) };
            Ok(Admission { token, tag, ..Admission::default() })
        };
        (0..count).map(make).collect()
    }

    /// How viewers of a room come in: as `arrival` says.
    pub fn viewers(&self, count: usize, room: &str, tag: usize, arrival: Arrival) -> Result<Vec<Admission>, String> {
        let make = |_| {
            let token = if arrival.logged_in && !self.server.bare { Some(self.guest()?) } else { None };
            Ok(Admission { token, room: Some(room.to_owned()), tag, ..Admission::default() })
        };
        (0..count).map(make).collect()
    }

    fn guest(&self) -> Result<String, String> {
        text(&self.post("/users/login", None, &json!({ "guest": 1 }))?["token"], "a guest")
    }

    /// Guests who do nothing, by uid.
    pub fn people(&self, count: usize) -> Result<Vec<String>, String> {
        let make = |_| text(&self.post("/users/login", None, &json!({ "guest": 1 }))?["user"]["uid"], "a guest");
        (0..count).map(make).collect()
    }

    fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Value, String> {
        let failed = |error: ureq::Error| format!("POST {path} failed: {error}");
        let mut request = self.agent.post(format!("{}{path}", self.server.url)).content_type("application/json");
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let answer = request.send(body.to_string()).map_err(failed)?.into_body().read_to_string().map_err(failed)?;
        serde_json::from_str(&answer).map_err(|error| format!("POST {path} was answered with no JSON: {error}"))
    }
}

fn text(value: &Value, what: &str) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{what} could not be made"))
}

/// Who the viewers are, and what they find.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Arrival {
    /// Every viewer is a guest who is logged in, as in a chat that people write in; otherwise they are anonymous
    #[arg(long)]
    pub logged_in: bool,

    /// Messages that each room has before anybody comes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub history: usize,
}

impl Arrival {
    /// What it adds to the title of a report.
    pub fn title(self) -> String {
        let who = if self.logged_in { ", logged in" } else { "" };
        if self.history == 0 { who.to_owned() } else { format!("{who}, {} messages in the room", self.history) }
    }
}

/// How viewers of a room come in who are nobody in particular.
pub fn viewers(count: usize, room: &str, tag: usize) -> impl Iterator<Item = Admission> {
    let entry = Admission { room: Some(room.to_owned()), tag, ..Admission::default() };
    std::iter::repeat_n(entry, count)
}
