//! The messages of one socket on their way into the log. Each is put in line as soon as it is read, without waiting for the
//! answer to the one before; the answers go out in the order of the questions.

use crate::problem::Problem;
use futures_util::future::LocalBoxFuture;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

/// The most messages of one socket in line.
pub const IN_FLIGHT_MAX: usize = 256;

/// Above this many bytes of messages in line, nothing more is read from the socket.
const BYTES_FULL: usize = 256 * 1024;

/// What the sender is told: where the message stands.
pub type AckResult = Result<crate::realtime::protocol::MessageAck, Problem>;

struct InLine {
    /// The number of the frame, to be answered with.
    id: Option<i64>,
    bytes: usize,
    answer: Answering,
}

enum Answering {
    Ready(Box<AckResult>),
    Waiting(LocalBoxFuture<'static, AckResult>),
}

/// What waits for its answer, oldest first.
#[derive(Default)]
pub struct Pipeline {
    line: VecDeque<InLine>,
    bytes: usize,
}

impl Pipeline {
    /// Whether no more may be put in line.
    pub fn is_full(&self) -> bool {
        self.line.len() >= IN_FLIGHT_MAX || self.bytes >= BYTES_FULL
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Begins to post the message of the frame `id`, which has so many bytes.
    pub async fn post(&mut self, id: Option<i64>, bytes: usize, commit: impl Future<Output = AckResult> + 'static) {
        let mut commit: LocalBoxFuture<'static, AckResult> = Box::pin(commit);
        // The first poll puts it in line, before the next frame is looked at.
        let answer = match futures_util::poll!(&mut commit) {
            Poll::Ready(answer) => Answering::Ready(Box::new(answer)),
            Poll::Pending => Answering::Waiting(commit),
        };
        self.bytes += bytes;
        self.line.push_back(InLine { id, bytes, answer });
    }

    /// An answer that is known already, after those to what came before it.
    pub fn answer(&mut self, id: Option<i64>, answer: AckResult) {
        self.line.push_back(InLine { id, bytes: 0, answer: Answering::Ready(Box::new(answer)) });
    }

    /// The next answer, with the number of its frame; `None` when nothing waits.
    pub async fn next(&mut self) -> Option<(Option<i64>, AckResult)> {
        let oldest = self.line.front_mut()?;
        let answer = match &mut oldest.answer {
            Answering::Ready(_) => None,
            Answering::Waiting(commit) => Some(poll_fn(|cx| commit.as_mut().poll(cx)).await),
        };
        let InLine { id, bytes, answer: known } = self.line.pop_front()?;
        self.bytes -= bytes;
        match (answer, known) {
            (Some(answer), _) => Some((id, answer)),
            (None, Answering::Ready(answer)) => Some((id, *answer)),
            (None, Answering::Waiting(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realtime::protocol::MessageAck as At;
    use std::cell::RefCell;
    use std::rc::Rc;
    use tokio::sync::oneshot;

    fn at(seq: i64) -> At {
        At { id: seq, seq, timestamp: 0 }
    }

    #[tokio::test]
    async fn messages_are_put_in_line_as_they_come_and_answered_in_that_order() {
        let (mut pipeline, begun) = (Pipeline::default(), Rc::new(RefCell::new(Vec::new())));
        let mut answers = Vec::new();
        for number in 1..=3 {
            let (answer, answered) = oneshot::channel();
            answers.push(answer);
            let begun = begun.clone();
            let commit = async move {
                begun.borrow_mut().push(number);
                Ok(at(answered.await.expect("an answer")))
            };
            pipeline.post(Some(number), 10, commit).await;
        }
        assert_eq!(*begun.borrow(), [1, 2, 3]);
        for (number, answer) in answers.into_iter().enumerate().rev() {
            answer.send(number as i64 + 1).expect("somebody listens");
        }
        for number in 1..=3 {
            let (id, answer) = pipeline.next().await.expect("one more");
            assert_eq!((id, answer.expect("posted").seq), (Some(number), number));
        }
        assert!(pipeline.next().await.is_none());
    }

    #[tokio::test]
    async fn it_is_full_by_messages_and_by_bytes() {
        let mut many = Pipeline::default();
        for _ in 0..IN_FLIGHT_MAX {
            assert!(!many.is_full());
            many.post(None, 1, async { Ok(at(1)) }).await;
        }
        assert!(many.is_full());
        many.next().await;
        assert!(!many.is_full());

        let mut large = Pipeline::default();
        large.post(None, BYTES_FULL, async { Ok(at(1)) }).await;
        assert!(large.is_full());
        large.next().await;
        assert!(!large.is_full() && large.is_empty());
    }
}
