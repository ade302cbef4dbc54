//! `banter export`: a room's log as JSON lines, for archives and for moving.

use crate::cli::{Failure, with_store};
use crate::config::Config;
use crate::view;
use domain::model::event::{Event, EventKind};
use domain::model::id::{RoomUid, Seq};
use serde_json::{Value, json};
use std::io::Write;

/// How many events are read at a time.
const PAGE: usize = 500;

/// Which room.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The room's uid
    #[arg(value_parser = room_uid)]
    room: RoomUid,
    #[command(flatten)]
    pub(super) config: Box<Config>,
}

fn room_uid(text: &str) -> Result<RoomUid, String> {
    RoomUid::parse(text).ok_or_else(|| "a room's uid has 12 letters and digits".to_owned())
}

impl Export {
    /// Writes the room and then its events, ascending by seq.
    pub async fn run(self) -> Result<(), Failure> {
        with_store(&self.config, async |wired| {
            let operator = &wired.services.operator;
            let room = operator.room(&self.room).await?;
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            let failed = |error| Failure::Failed(format!("stdout cannot be written: {error}"));
            let mut write = |line: &Value| writeln!(out, "{line}").map_err(failed);
            write(&json!({ "event": "room", "data": view::room(&room) }))?;
            let mut since = Seq::ZERO;
            loop {
                let event_range = operator.log(room.id, since, PAGE).await?;
                for event in &event_range.events {
                    write(&line(event, self.room.as_str()))?;
                }
                match event_range.events.last() {
                    Some(last) if event_range.cut => since = last.seq,
                    _ => break,
                }
            }
            out.flush().map_err(failed)
        })
        .await
    }
}

/// An event, named as over the socket, with its time.
fn line(event: &Event, room: &str) -> Value {
    let (name, mut data) = match &event.kind {
        EventKind::Posted(message) => return json!({ "event": "message", "data": view::message(message, room) }),
        EventKind::Deleted { message } => ("message_deleted", json!({ "ids": [message.0] })),
        EventKind::Purged { author } => ("room_purged", json!({ "user": author.as_deref().map(view::user) })),
        EventKind::Moderated { subject, action, until, reason } => {
            let until = until.map(|until| until.0);
            let user = view::member(subject);
            ("user_moderated", json!({ "user": user, "action": action.as_str(), "until": until, "reason": reason }))
        }
        EventKind::Configured(settings) => ("room_updated", json!({ "settings": view::room(settings) })),
        EventKind::Pinned { message, .. } => ("message_pinned", json!({ "id": message.0 })),
        EventKind::Unpinned { message, .. } => ("message_unpinned", json!({ "id": message.0 })),
        EventKind::Closed => ("room_closed", json!({})),
    };
    data["room"] = room.into();
    data["seq"] = event.seq.0.into();
    data["timestamp"] = event.at.0.into();
    json!({ "event": name, "data": data })
}
