//! The response body of an upgraded request. It holds nothing: what the connection has to send goes to the kernel directly
//! (see [`crate::realtime::outgoing`]). It keeps actix's side of the socket open, and ends it.

use crate::realtime::conn::Conn;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Is pending until the connection is gone. Made with `map_body`, never in place of actix-ws's body: dropping that would end
/// the stream of messages. It is kept and never asked: its frames come from `actix_ws::Session`, which nobody has.
pub struct SocketBody {
    inner: BoxBody,
    conn: Rc<Conn>,
    polls: u8,
}

impl SocketBody {
    /// The body of `conn` around actix-ws's.
    pub fn new(inner: BoxBody, conn: Rc<Conn>) -> SocketBody {
        SocketBody { inner, conn, polls: 0 }
    }
}

/// Ends the socket: an error is the only way in which a body makes actix drop it.
#[derive(Debug, thiserror::Error)]
#[error("the socket is done")]
struct Done;

impl MessageBody for SocketBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.inner.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.conn.is_gone() {
            return Poll::Ready(Some(Err(Box::new(Done))));
        }
        this.conn.set_body(cx.waker());
        // After the first poll actix writes the head of the response; only then may something follow it.
        match this.polls {
            0 => cx.waker().wake_by_ref(),
            1 => this.conn.open(),
            _ => return Poll::Pending,
        }
        this.polls += 1;
        Poll::Pending
    }
}

impl Drop for SocketBody {
    fn drop(&mut self) {
        self.conn.cut();
    }
}
