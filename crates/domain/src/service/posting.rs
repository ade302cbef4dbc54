//! A message on its way into the log.

use crate::model::message::Message;
use crate::service::error::Error;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

type Answer = Pin<Box<dyn Future<Output = Result<Message, Error>> + Send>>;

/// A message that is in line to be written: awaiting this gives the message as it stands in the log, or why it does not.
/// Several need not wait for each other.
pub struct Posting(Answer);

impl Posting {
    /// Begins to write: what `answer` does up to its first wait is done when this returns.
    pub async fn begin(answer: impl Future<Output = Result<Message, Error>> + Send + 'static) -> Posting {
        let mut answer: Answer = Box::pin(answer);
        match poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await {
            Poll::Ready(message) => Posting::answered(message),
            Poll::Pending => Posting(answer),
        }
    }

    /// One that is answered already.
    pub fn answered(message: Result<Message, Error>) -> Posting {
        Posting(Box::pin(ready(message)))
    }
}

impl Future for Posting {
    type Output = Result<Message, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}
