//! What travels between nodes, as JSON: names and words are those of the tables. Fields may be added, never taken away or
//! given another meaning; a change that older nodes would misread gets a new version.

use crate::adapters::nats::records::{ConnectionRecord, EventRecord, UserRecord};
use domain::model::event::Event;
use domain::model::id::{Epoch, RoomId, Seq, SessionId, SiteKeyId, SiteUid, UserId};
use domain::model::login::EndedTokens;
use domain::model::node::{Beat, NodeName};
use domain::model::time::Timestamp;
use domain::ports::bus::{BusMessage, Notice};
use domain::ports::cluster::{NodeAnswer, NodeRequest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of everything here. A message of a later one is not read.
pub const VERSION: u32 = 1;

/// The largest payload. NATS servers take 1 MiB unless told otherwise.
pub const PAYLOAD_MAX: usize = 256 * 1024;

/// Why a message was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A later version wrote it.
    Newer,
    /// It is no message of ours.
    Malformed,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

trait Versioned {
    fn version(&self) -> u32;
}

macro_rules! versioned {
    ($($message:ty),+) => {$(
        impl Versioned for $message {
            fn version(&self) -> u32 {
                self.v
            }
        }
    )+};
}

versioned!(LogMessage, UserMessage, SessionsMessage, SiteMessage, BeatMessage, RequestMessage, AnswerMessage);

fn decode<T: DeserializeOwned + Versioned>(payload: &[u8]) -> Result<T, Unreadable> {
    match serde_json::from_slice::<T>(payload) {
        Ok(message) if message.version() <= VERSION => Ok(message),
        Ok(_) => Err(Unreadable::Newer),
        Err(_) => match serde_json::from_slice::<VersionOnly>(payload) {
            Ok(only) if only.v > VERSION => Err(Unreadable::Newer),
            _ => Err(Unreadable::Malformed),
        },
    }
}

fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    // Numbers, strings, lists and maps with text keys: nothing here fails to be written.
    serde_json::to_vec(message).unwrap_or_default()
}

#[derive(Deserialize)]
struct LogMessage {
    v: u32,
    epoch: i64,
    last: i64,
    events: Vec<EventRecord<'static>>,
}

/// Events of one log in payloads of at most [`PAYLOAD_MAX`], in their order. An event that is larger is named by its seq alone.
pub fn log(epoch: Epoch, events: &[&Event]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let mut some = LogPayload::default();
    for event in events {
        let text = encode(&EventRecord::from(*event));
        if text.len() + LogPayload::FRAME > PAYLOAD_MAX {
            payloads.extend(some.finish(epoch));
            payloads.push(named(epoch, event.seq));
            continue;
        }
        if some.events.len() + text.len() + LogPayload::FRAME > PAYLOAD_MAX {
            payloads.extend(some.finish(epoch));
        }
        some.push(event.seq, &text);
    }
    payloads.extend(some.finish(epoch));
    payloads
}

fn named(epoch: Epoch, seq: Seq) -> Vec<u8> {
    format!(r#"{{"v":{VERSION},"epoch":{epoch},"first":{seq},"last":{seq},"events":[]}}"#).into_bytes()
}

/// Events that were encoded, on their way into one payload.
#[derive(Default)]
struct LogPayload {
    first: Option<Seq>,
    last: Option<Seq>,
    events: Vec<u8>,
}

impl LogPayload {
    /// What is around the events, at the most.
    const FRAME: usize = 160;

    fn push(&mut self, seq: Seq, event: &[u8]) {
        if !self.events.is_empty() {
            self.events.push(b',');
        }
        self.events.extend_from_slice(event);
        self.first.get_or_insert(seq);
        self.last = Some(seq);
    }

    fn finish(&mut self, epoch: Epoch) -> Option<Vec<u8>> {
        let (first, last) = (self.first.take()?, self.last.take()?);
        let head = format!(r#"{{"v":{VERSION},"epoch":{epoch},"first":{first},"last":{last},"events":["#);
        let mut payload = Vec::with_capacity(self.events.len() + LogPayload::FRAME);
        payload.extend_from_slice(head.as_bytes());
        payload.append(&mut self.events);
        payload.extend_from_slice(b"]}");
        Some(payload)
    }
}

/// What a payload of a log says, for subscribers, and of which history it is.
pub fn read_log(room: RoomId, payload: &[u8]) -> Result<(Epoch, BusMessage), Unreadable> {
    let message: LogMessage = decode(payload)?;
    let epoch = Epoch(message.epoch);
    if message.events.is_empty() {
        return Ok((epoch, BusMessage::Head(room, Seq(message.last))));
    }
    let events: Option<Vec<Event>> = message.events.into_iter().map(|event| event.into_event(room)).collect();
    Ok((epoch, BusMessage::Events(events.ok_or(Unreadable::Malformed)?.into())))
}

#[derive(Deserialize, Serialize)]
struct UserMessage {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed: Option<UserRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted: Option<i64>,
}

#[derive(Deserialize, Serialize)]
struct SessionsMessage {
    v: u32,
    ended: Vec<i64>,
}

/// One of its fields says what; a node that knows none of them reads the database in time.
#[derive(Default, Deserialize, Serialize)]
struct SiteMessage {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed: Option<String>,
    /// The keys whose tokens ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_keys: Option<Vec<i64>>,
    /// The user whose tokens issued before `issued_before` (ms) ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_user: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_before: Option<i64>,
}

/// A notice.
pub fn notice(notice: &Notice) -> Vec<u8> {
    match notice {
        Notice::SessionsEnded(ended) => {
            encode(&SessionsMessage { v: VERSION, ended: ended.iter().map(|session| session.0).collect() })
        }
        Notice::UserChanged(user) => {
            encode(&UserMessage { v: VERSION, changed: Some((&**user).into()), deleted: None })
        }
        Notice::SiteChanged(site) => {
            encode(&SiteMessage { v: VERSION, changed: Some(site.as_str().to_owned()), ..SiteMessage::default() })
        }
        Notice::SiteTokensEnded(EndedTokens::OfKeys(keys)) => {
            let ended_keys = Some(keys.iter().map(|key| key.0).collect());
            encode(&SiteMessage { v: VERSION, ended_keys, ..SiteMessage::default() })
        }
        Notice::SiteTokensEnded(EndedTokens::OfUser { user, issued_before }) => {
            let (ended_user, issued_before) = (Some(user.0), Some(issued_before.0));
            encode(&SiteMessage { v: VERSION, ended_user, issued_before, ..SiteMessage::default() })
        }
        Notice::UserDeleted(user) => encode(&UserMessage { v: VERSION, changed: None, deleted: Some(user.0) }),
    }
}

/// A notice about a user.
pub fn read_user(payload: &[u8]) -> Result<Notice, Unreadable> {
    let message: UserMessage = decode(payload)?;
    match (message.changed, message.deleted) {
        (Some(user), _) => {
            user.into_user().map(|user| Notice::UserChanged(Box::new(user))).ok_or(Unreadable::Malformed)
        }
        (None, Some(user)) => Ok(Notice::UserDeleted(UserId(user))),
        (None, None) => Err(Unreadable::Malformed),
    }
}

/// A notice about logins.
pub fn read_sessions(payload: &[u8]) -> Result<Notice, Unreadable> {
    let message: SessionsMessage = decode(payload)?;
    Ok(Notice::SessionsEnded(message.ended.into_iter().map(SessionId).collect()))
}

/// A notice about a site.
pub fn read_site(payload: &[u8]) -> Result<Notice, Unreadable> {
    let message: SiteMessage = decode(payload)?;
    match message {
        SiteMessage { changed: Some(site), .. } => {
            SiteUid::parse(&site).map(Notice::SiteChanged).ok_or(Unreadable::Malformed)
        }
        SiteMessage { ended_keys: Some(keys), .. } => {
            let keys = keys.into_iter().map(SiteKeyId).collect();
            Ok(Notice::SiteTokensEnded(EndedTokens::OfKeys(keys)))
        }
        SiteMessage { ended_user: Some(user), issued_before: Some(issued_before), .. } => {
            let (user, issued_before) = (UserId(user), Timestamp(issued_before));
            Ok(Notice::SiteTokensEnded(EndedTokens::OfUser { user, issued_before }))
        }
        _ => Err(Unreadable::Malformed),
    }
}

#[derive(Deserialize, Serialize)]
struct BeatMessage {
    v: u32,
    node: String,
    incarnation: u32,
    number: u64,
    full: bool,
    /// Room → connections.
    rooms: BTreeMap<i64, usize>,
    connections: usize,
    version: String,
    /// The node's clock, ms.
    at: i64,
    #[serde(default)]
    leaving: bool,
}

/// A beat.
pub fn beat(beat: &Beat) -> Vec<u8> {
    encode(&BeatMessage {
        v: VERSION,
        node: beat.node.as_str().to_owned(),
        incarnation: beat.incarnation,
        number: beat.number,
        full: beat.full,
        rooms: beat.rooms.iter().map(|(room, count)| (room.0, *count)).collect(),
        connections: beat.connections,
        version: beat.version.clone(),
        at: beat.at.0,
        leaving: beat.leaving,
    })
}

/// A beat that arrived.
pub fn read_beat(payload: &[u8]) -> Result<Beat, Unreadable> {
    let message: BeatMessage = decode(payload)?;
    Ok(Beat {
        node: NodeName::parse(&message.node).ok_or(Unreadable::Malformed)?,
        incarnation: message.incarnation,
        number: message.number,
        full: message.full,
        rooms: message.rooms.into_iter().map(|(room, count)| (RoomId(room), count)).collect(),
        connections: message.connections,
        version: message.version,
        at: Timestamp(message.at),
        leaving: message.leaving,
    })
}

#[derive(Deserialize, Serialize)]
struct RequestMessage {
    v: u32,
    #[serde(flatten)]
    request: RequestRecord,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "request", rename_all = "snake_case")]
enum RequestRecord {
    Connections { after: u64, limit: usize },
    Connection { id: u64 },
    CloseConnection { id: u64 },
    Users { room: i64 },
    FullBeat,
}

/// A request to a node.
pub fn request(request: &NodeRequest) -> Vec<u8> {
    let request = match request {
        NodeRequest::Connections { after, limit } => RequestRecord::Connections { after: *after, limit: *limit },
        NodeRequest::Connection(id) => RequestRecord::Connection { id: *id },
        NodeRequest::CloseConnection(id) => RequestRecord::CloseConnection { id: *id },
        NodeRequest::Users(room) => RequestRecord::Users { room: room.0 },
        NodeRequest::FullBeat => RequestRecord::FullBeat,
    };
    encode(&RequestMessage { v: VERSION, request })
}

/// A request that arrived.
pub fn read_request(payload: &[u8]) -> Result<NodeRequest, Unreadable> {
    let message: RequestMessage = decode(payload)?;
    Ok(match message.request {
        RequestRecord::Connections { after, limit } => NodeRequest::Connections { after, limit },
        RequestRecord::Connection { id } => NodeRequest::Connection(id),
        RequestRecord::CloseConnection { id } => NodeRequest::CloseConnection(id),
        RequestRecord::Users { room } => NodeRequest::Users(RoomId(room)),
        RequestRecord::FullBeat => NodeRequest::FullBeat,
    })
}

#[derive(Default, Deserialize, Serialize)]
struct AnswerMessage {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connections: Option<Vec<ConnectionRecord>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    users: Option<Vec<UserRecord>>,
    #[serde(default)]
    missing: bool,
}

/// An answer to a node. Of a list as much as one payload holds; who asked goes on after it.
pub fn answer(answer: &NodeAnswer) -> Vec<u8> {
    let message = AnswerMessage { v: VERSION, ..AnswerMessage::default() };
    match answer {
        NodeAnswer::Connections(all) => {
            let connections = all.iter().map(ConnectionRecord::from);
            encode(&AnswerMessage { connections: Some(fitting(connections)), ..message })
        }
        NodeAnswer::Users(users) => {
            encode(&AnswerMessage { users: Some(fitting(users.iter().map(UserRecord::from))), ..message })
        }
        NodeAnswer::Done => encode(&message),
        NodeAnswer::Missing => encode(&AnswerMessage { missing: true, ..message }),
    }
}

fn fitting<T: Serialize>(records: impl Iterator<Item = T>) -> Vec<T> {
    let mut room = PAYLOAD_MAX - LogPayload::FRAME;
    let fits = |record: &T| {
        let size = encode(record).len() + 1;
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    };
    records.take_while(fits).collect()
}

/// An answer that arrived.
pub fn read_answer(payload: &[u8]) -> Result<NodeAnswer, Unreadable> {
    let message: AnswerMessage = decode(payload)?;
    if message.missing {
        return Ok(NodeAnswer::Missing);
    }
    if let Some(all) = message.connections {
        let all: Option<Vec<_>> = all.into_iter().map(ConnectionRecord::into_connection).collect();
        return all.map(NodeAnswer::Connections).ok_or(Unreadable::Malformed);
    }
    if let Some(users) = message.users {
        let users: Option<Vec<_>> = users.into_iter().map(UserRecord::into_user).collect();
        return users.map(NodeAnswer::Users).ok_or(Unreadable::Malformed);
    }
    Ok(NodeAnswer::Done)
}

#[cfg(test)]
mod tests;
