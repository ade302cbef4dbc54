//! The response body of an upgraded request: what the connection has to send.

use crate::realtime::conn::Conn;
use crate::realtime::hub::Hub;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Hands out the connection's bytes. Made with `map_body`, never in place of actix-ws's body: dropping that would end
/// the stream of messages. It is kept and never asked: its frames come from `actix_ws::Session`, which nobody has, as all
/// frames go through the connection; and asking it costs as much as the rest of this.
pub struct SocketBody {
    inner: BoxBody,
    conn: Rc<Conn>,
    hub: Rc<Hub>,
}

impl SocketBody {
    /// The body of `conn` around actix-ws's.
    pub fn new(inner: BoxBody, conn: Rc<Conn>, hub: Rc<Hub>) -> SocketBody {
        SocketBody { inner, conn, hub }
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
        let mut left = Vec::new();
        let next = this.conn.poll_bytes(cx, &mut left);
        for room in left {
            this.hub.left(&this.conn, &room);
        }
        match next {
            Poll::Ready(Some(bytes)) => {
                this.hub.metrics().bytes_out.inc_by(bytes.len() as u64);
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(None) => Poll::Ready(Some(Err(Box::new(Done)))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for SocketBody {
    fn drop(&mut self) {
        self.conn.cut();
    }
}
