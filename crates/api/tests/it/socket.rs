//! A WebSocket client for tests: frames out, frames in, and what must not come.

use crate::app::{Person, TestApp};
use actix_codec::Framed;
use awc::BoxedSocket;
use awc::error::WsClientError;
use awc::ws::{Codec, Frame, Message};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;

/// Longer than anything takes on a machine that is busy with other tests.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

pub struct Socket {
    framed: Framed<BoxedSocket, Codec>,
    next_id: i64,
}

/// How a connection is asked for.
#[derive(Default)]
pub struct Ask<'a> {
    /// After `/ws`.
    pub query: &'a str,
    /// Subprotocols to offer.
    pub protocols: Vec<String>,
    /// The Origin header.
    pub origin: Option<&'a str>,
}

impl Ask<'_> {
    /// Opens it: the connection and the subprotocol that was echoed, or the status of the refusal.
    pub async fn open(self, app: &TestApp) -> Result<(Socket, Option<String>), u16> {
        self.open_at(&app.url).await.map_err(|error| match error {
            WsClientError::InvalidResponseStatus(status) => status.as_u16(),
            error => panic!("{error}"),
        })
    }

    async fn open_at(self, url: &str) -> Result<(Socket, Option<String>), WsClientError> {
        let mut request = awc::Client::default().ws(format!("{url}/ws{}", self.query)).max_frame_size(1 << 20);
        if !self.protocols.is_empty() {
            request = request.protocols(self.protocols);
        }
        if let Some(origin) = self.origin {
            request = request.origin(origin);
        }
        let (response, framed) = request.connect().await?;
        let echoed = response.headers().get("sec-websocket-protocol");
        let echoed = echoed.map(|value| value.to_str().unwrap().to_owned());
        Ok((Socket { framed, next_id: 1 }, echoed))
    }
}

/// What comes next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// A text frame.
    Text(Value),
    /// The end, with its close code.
    Closed(Option<u16>),
}

impl Socket {
    /// Somebody's connection, past its welcome and `auth_updated`.
    pub async fn of(app: &TestApp, who: &Person) -> Socket {
        let protocols = vec!["banter.v1".to_owned(), format!("bearer.{}", who.token)];
        let (mut socket, _) = Ask { protocols, ..Ask::default() }.open(app).await.unwrap();
        socket.expect("welcome").await;
        socket.expect("auth_updated").await;
        socket
    }

    /// Nobody's connection, past its welcome.
    pub async fn anonymous(app: &TestApp) -> Socket {
        let (mut socket, _) = Ask::default().open(app).await.unwrap();
        socket.expect("welcome").await;
        socket
    }

    /// Somebody's connection in a room, past the frames of the join.
    pub async fn in_room(app: &TestApp, who: &Person, room: &str) -> Socket {
        let mut socket = Socket::of(app, who).await;
        socket.join(room).await;
        socket
    }

    /// Somebody's connection in a room of a server that may be gone any moment.
    pub async fn try_in_room(url: &str, who: &Person, room: &str) -> Option<Socket> {
        let protocols = vec!["banter.v1".to_owned(), format!("bearer.{}", who.token)];
        let query = format!("?room={room}");
        let (mut socket, _) = Ask { protocols, query: &query, ..Ask::default() }.open_at(url).await.ok()?;
        loop {
            match socket.next().await {
                Next::Text(frame) if frame["event"] == "room_users" => return Some(socket),
                Next::Text(_) => {}
                Next::Closed(_) => return None,
            }
        }
    }

    /// Nobody's connection to a server that may be gone any moment.
    pub async fn try_anonymous(url: &str) -> Option<Socket> {
        Ask::default().open_at(url).await.ok().map(|(socket, _)| socket)
    }

    /// Sends a frame with an id; the id, unless the server is gone.
    pub async fn try_start(&mut self, event: &str, data: Value) -> Option<i64> {
        let id = self.next_id;
        self.next_id += 1;
        let text = json!({ "event": event, "data": data, "id": id }).to_string();
        self.framed.send(Message::Text(text.into())).await.ok().map(|()| id)
    }

    /// Enters a room; the data of the ack.
    pub async fn join(&mut self, room: &str) -> Value {
        self.ask("join", json!({ "uid": room })).await.expect("an ack")
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: &str) {
        self.framed.send(Message::Text(text.to_owned().into())).await.unwrap();
    }

    /// Sends any message.
    pub async fn send(&mut self, message: Message) {
        self.framed.send(message).await.unwrap();
    }

    /// Sends a frame with an id; the id.
    pub async fn start(&mut self, event: &str, data: Value) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send_text(&json!({ "event": event, "data": data, "id": id }).to_string()).await;
        id
    }

    /// Sends a frame and waits for its answer, passing over what else comes: the data of the ack, or the problem.
    pub async fn ask(&mut self, event: &str, data: Value) -> Result<Value, Value> {
        let id = self.start(event, data).await;
        loop {
            let frame = self.frame().await;
            match frame["event"].as_str().unwrap() {
                "ack" if frame["id"] == id => return Ok(frame["data"].clone()),
                "error" if frame["id"] == id => return Err(frame["data"].clone()),
                _ => {}
            }
        }
    }

    /// Says something; the data of the ack, or the problem.
    pub async fn say(&mut self, text: &str) -> Result<Value, Value> {
        self.ask("sendMessage", json!({ "text": text })).await
    }

    /// What comes next; pings of either sort are passed over.
    pub async fn next(&mut self) -> Next {
        loop {
            let frame = tokio::time::timeout(ANSWER_TIMEOUT, self.framed.next()).await.expect("something to come");
            match frame {
                Some(Ok(Frame::Text(text))) => {
                    let value: Value = serde_json::from_slice(&text).unwrap();
                    if value["event"] != "ping" {
                        return Next::Text(value);
                    }
                }
                Some(Ok(Frame::Close(reason))) => return Next::Closed(reason.map(|reason| reason.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Next::Closed(None),
            }
        }
    }

    /// The next text frame.
    pub async fn frame(&mut self) -> Value {
        match self.next().await {
            Next::Text(value) => value,
            Next::Closed(code) => panic!("closed with {code:?}"),
        }
    }

    /// The next text frame, which must be this one; its data.
    pub async fn expect(&mut self, event: &str) -> Value {
        let frame = self.frame().await;
        assert_eq!(frame["event"], event, "{frame}");
        frame["data"].clone()
    }

    /// The next frame of this sort, passing over what else comes; its data.
    pub async fn until(&mut self, event: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["event"] == event {
                return frame["data"].clone();
            }
        }
    }

    /// Waits for the end; its close code.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Next::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    /// All frames until the answer to an echo, which comes after everything that was told before: whatever is not among
    /// them was not sent.
    pub async fn all(&mut self) -> Vec<Value> {
        let id = self.start("sendMessage", json!({ "text": "/echo all" })).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.frame().await;
            if frame["event"] == "ack" && frame["id"] == id {
                return frames;
            }
            if frame["event"] != "presence" && frame["event"] != "system" {
                frames.push(frame);
            }
        }
    }

    /// Frames up to and with the message of this text.
    pub async fn up_to(&mut self, text: &str) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.frame().await;
            let last = frame["event"] == "message" && frame["data"]["message"] == text;
            if frame["event"] != "presence" {
                frames.push(frame);
            }
            if last {
                return frames;
            }
        }
    }
}
