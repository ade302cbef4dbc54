//! Junk, floods and clients that mean harm: each gets an answer or the door, and the others notice nothing.

use crate::app::TestApp;
use crate::on_both;
use crate::socket::{Next, Socket};
use actix_http::ws::{Item, Message};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

on_both! {
    async fn every_junk_frame_gets_an_error_and_the_socket_goes_on(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        let deep = "[".repeat(8000);
        for (text, code) in [
            ("", "bad_request"),
            ("hello", "bad_request"),
            ("null", "bad_request"),
            ("[]", "bad_request"),
            ("{}", "bad_request"),
            (r#"{"event":5}"#, "bad_request"),
            (r#"{"event":"join","data":{"uid":5}}"#, "bad_request"),
            (r#"{"event":"join","data":{"uid":"x"}}"#, "room_not_found"),
            (r#"{"event":"join","data":{"uid":"abcDEF012345"}}"#, "room_not_found"),
            (r#"{"event":"join","data":{"uid":"abcDEF012345","since":"x"}}"#, "bad_request"),
            (r#"{"event":"leave","data":{"uid":"'; DROP TABLE users"}}"#, "room_not_found"),
            (r#"{"event":"login","data":{"token":{}}}"#, "bad_request"),
            (r#"{"event":"sendMessage","data":{"text":{"a":1}}}"#, "bad_request"),
            (r#"{"event":"sendMessage","data":{"text":""}}"#, "invalid_field"),
            (r#"{"event":"sendMessage","data":{"text":"a\u0000b"}}"#, "invalid_field"),
            (r#"{"event":"sendMessage","data":{"text":"\u202e"}}"#, "invalid_field"),
            (r#"{"event":"sendMessage","data":{"text":"x","nonce":""}}"#, "invalid_field"),
            (r#"{"event":"sendMessage","data":{"text":"x","replyTo":999999}}"#, "message_not_found"),
            (r#"{"event":"sendMessage","data":{"text":"x","replyTo":-1}}"#, "message_not_found"),
            (r#"{"event":"__proto__","data":{}}"#, "unknown_frame"),
            (r#"{"event":"welcome","data":{}}"#, "unknown_frame"),
            (deep.as_str(), "bad_request"),
        ] {
            socket.send_text(text).await;
            assert_eq!(socket.until("error").await["code"], code, "{text:.60}");
        }
        socket.send(Message::Binary(vec![0, 1, 2].into())).await;
        assert_eq!(socket.until("error").await["code"], "bad_request");
        let long = "é".repeat(501);
        assert_eq!(socket.say(&long).await.unwrap_err()["field"], "message");
        socket.say("still here").await.unwrap();
        assert_eq!(app.texts(&room).await, ["still here"]);
    }

    async fn a_frame_that_is_too_large_gets_an_error_and_the_door(app: &TestApp) {
        let mut socket = Socket::anonymous(app).await;
        socket.send_text(&"x".repeat(16 * 1024 + 1)).await;
        assert_eq!(socket.expect("error").await["code"], "too_large");
        assert_eq!(socket.next().await, Next::Closed(Some(1009)));

        let mut socket = Socket::anonymous(app).await;
        let piece = "x".repeat(10_000);
        socket.send(Message::Continuation(Item::FirstText(piece.clone().into()))).await;
        socket.send(Message::Continuation(Item::Last(piece.into()))).await;
        assert_eq!(socket.expect("error").await["code"], "too_large");
        assert_eq!(socket.next().await, Next::Closed(Some(1009)));
    }

    async fn a_message_in_fragments_is_read_whole(app: &TestApp) {
        let mut socket = Socket::anonymous(app).await;
        let text = r#"{"event":"sendMessage","data":{"text":"/echo whole"},"id":1}"#;
        let (one, two) = text.split_at(20);
        socket.send(Message::Continuation(Item::FirstText(one.to_owned().into()))).await;
        socket.send(Message::Ping("are you there".into())).await;
        socket.send(Message::Continuation(Item::Last(two.to_owned().into()))).await;
        assert_eq!(socket.expect("system").await["text"], "whole");
    }

    async fn what_breaks_the_websocket_protocol_is_shown_the_door(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let mut watches = Socket::in_room(app, &ann, &room).await;
        let address = app.url.trim_start_matches("http://").to_owned();
        let masked = |first: u8, payload: &[u8]| [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
        // RFC 6455: the section that forbids it, and the code that 7.4.1 gives for it.
        let rows: Vec<(&str, Vec<u8>, u16)> = vec![
            ("5.1 unmasked", vec![0x81, 0x02, b'h', b'i'], 1002),
            ("5.2 all reserved bits", masked(0xF1, b""), 1002),
            ("5.2 RSV1, compression that was not agreed", masked(0xC1, b"{}"), 1002),
            ("5.2 RSV2", masked(0xA1, b"{}"), 1002),
            ("5.2 RSV3", masked(0x91, b"{}"), 1002),
            ("5.2 a reserved data opcode", masked(0x83, b""), 1002),
            ("5.2 a reserved control opcode", masked(0x8B, b""), 1002),
            ("5.4 a continuation of nothing", masked(0x80, b"x"), 1002),
            ("5.4 a new text within a fragmented one", [masked(0x01, b"{"), masked(0x81, b"{}")].concat(), 1002),
            ("5.5 a ping of 126 bytes", [vec![0x89, 0xFE, 0, 126, 0, 0, 0, 0], vec![0; 126]].concat(), 1009),
            ("8.1 text that is not UTF-8", masked(0x81, &[0xC3, 0x28]), 1007),
            ("8.1 a lone surrogate", masked(0x81, &[0xED, 0xA0, 0x80]), 1007),
            ("8.1 an overlong form", masked(0x81, &[0xC0, 0xAF]), 1007),
            ("8.1 the same in fragments", [masked(0x01, &[b'a', 0xC3]), masked(0x80, b"(")].concat(), 1007),
            ("7.1 a close without a code", masked(0x88, b""), 1000),
            ("7.1 a close with a code", masked(0x88, &[0x03, 0xE8]), 1000),
        ];
        for (what, bytes, code) in rows {
            let address = address.clone();
            let ended = actix_web::rt::task::spawn_blocking(move || {
                let mut stream = upgraded(&address);
                stream.write_all(&bytes).unwrap();
                close_code(&mut stream)
            });
            assert_eq!(ended.await.unwrap(), Some(code), "{what}");
        }
        // A letter cut in two by a fragment is whole in the message.
        let ended = actix_web::rt::task::spawn_blocking(move || {
            let mut stream = upgraded(&address);
            let text = r#"{"event":"sendMessage","data":{"text":"/echo é"}}"#.as_bytes();
            let cut = text.len() - 4;
            stream.write_all(&[masked(0x01, &text[..cut]), masked(0x89, b"hi"), masked(0x80, &text[cut..])].concat()).unwrap();
            stream.write_all(&masked(0x88, b"")).unwrap();
            close_code(&mut stream)
        });
        assert_eq!(ended.await.unwrap(), Some(1000));
        watches.say("nothing happened").await.unwrap();
    }

    async fn a_header_of_four_gigabytes_costs_nothing(app: &TestApp) {
        let address = app.url.trim_start_matches("http://").to_owned();
        let before = resident();
        let grown = actix_web::rt::task::spawn_blocking(move || {
            let mut stream = upgraded(&address);
            let mut header = vec![0x82, 0xFF];
            header.extend((4u64 << 30).to_be_bytes());
            header.extend([1, 2, 3, 4]);
            stream.write_all(&header).unwrap();
            let block = vec![0u8; 1 << 20];
            for _ in 0..64 {
                // The server closes long before all of it is sent.
                if stream.write_all(&block).is_err() {
                    break;
                }
            }
            reads_to_the_end(&mut stream)
        });
        assert!(grown.await.unwrap(), "the door");
        // Other tests run in this process; 64 MiB kept would still show.
        assert!(resident().saturating_sub(before) < 48 << 20, "memory grew from {before} to {}", resident());
        Socket::anonymous(app).await.all().await;
    }

    async fn ten_thousand_empty_fragments_are_stopped(app: &TestApp) {
        let address = app.url.trim_start_matches("http://").to_owned();
        let ended = actix_web::rt::task::spawn_blocking(move || {
            let mut stream = upgraded(&address);
            let mut bytes = vec![0x01, 0x80, 0, 0, 0, 0];
            for _ in 0..10_000 {
                bytes.extend([0x00, 0x80, 0, 0, 0, 0]);
            }
            let _ = stream.write_all(&bytes);
            reads_to_the_end(&mut stream)
        });
        assert!(ended.await.unwrap());
    }
}

fn upgraded(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    upgrade(&mut stream, address, "/ws");
    stream
}

/// Asks for a socket at `path`.
pub fn upgrade(stream: &mut TcpStream, address: &str, path: &str) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = [0u8; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
}

/// Whether the server ends the connection.
fn reads_to_the_end(stream: &mut TcpStream) -> bool {
    let mut buffer = [0u8; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            // A peer that is cut while it still sends sees a reset.
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// The memory of this process, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Reads frames until the server's close frame; its code, 1005 without one, `None` when the connection ended without it.
fn close_code(stream: &mut TcpStream) -> Option<u16> {
    let (mut received, mut buffer) = (Vec::new(), [0u8; 4096]);
    loop {
        if let Some(code) = close_frame(&received) {
            return Some(code);
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => received.extend_from_slice(&buffer[..count]),
        }
    }
}

/// The code of the close frame in what came after the request, if all of it is there.
fn close_frame(received: &[u8]) -> Option<u16> {
    let head = received.windows(4).position(|end| end == b"\r\n\r\n")?;
    let mut rest = &received[head + 4..];
    while let [first, second, ..] = *rest {
        let (length, header) = match (second, rest) {
            (126, [_, _, high, low, ..]) => (usize::from(*high) << 8 | usize::from(*low), 4),
            (short, _) => (usize::from(short), 2),
        };
        let payload = rest.get(header..header + length)?;
        if first & 0x0F == 8 {
            return Some(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code)));
        }
        rest = &rest[header + length..];
    }
    None
}
