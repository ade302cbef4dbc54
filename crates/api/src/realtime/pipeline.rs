//! The messages of one socket on their way into the log. Each is put in line as soon as it is read, without waiting for the
//! answer to the one before; the answers go out in the order of the questions.

use domain::model::message::Message;
use domain::service::error::Error;
use domain::service::posting::Posting;
use std::collections::VecDeque;

/// The most messages of one socket in line.
pub const IN_FLIGHT_MAX: usize = 256;

/// Above this many bytes of messages in line, nothing more is read from the socket.
const BYTES_FULL: usize = 256 * 1024;

struct InLine {
    /// The number of the frame, to be answered with.
    id: Option<i64>,
    bytes: usize,
    posting: Posting,
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

    /// The message of the frame `id`, which has so many bytes, is to be answered after those before it.
    pub fn push(&mut self, id: Option<i64>, bytes: usize, posting: Posting) {
        self.bytes += bytes;
        self.line.push_back(InLine { id, bytes, posting });
    }

    /// The next answer, with the number of its frame; `None` when nothing waits. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Option<(Option<i64>, Result<Message, Error>)> {
        let InLine { id, bytes, posting } = self.line.front_mut()?;
        let (id, bytes, posted) = (*id, *bytes, posting.await);
        self.line.pop_front();
        self.bytes -= bytes;
        Some((id, posted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::model::id::{MessageId, RoomId, Seq};
    use domain::model::message::MessageKind;
    use domain::model::user::Member;
    use testkit::builders::{NOON, body, known_user};
    use tokio::sync::oneshot;

    fn message(seq: i64) -> Message {
        let (id, seq, room) = (MessageId(seq), Seq(seq), RoomId(1));
        let author = Member::outside(known_user(1, "ann"));
        Message { id, seq, room, author, text: body("hello"), kind: MessageKind::Say, reply_to: None, at: NOON }
    }

    #[tokio::test]
    async fn messages_are_answered_in_the_order_in_which_they_came() {
        let (mut pipeline, mut answers) = (Pipeline::default(), Vec::new());
        for number in 1..=3 {
            let (answer, answered) = oneshot::channel();
            answers.push(answer);
            let posting = Posting::begin(async { Ok(message(answered.await.expect("an answer"))) });
            pipeline.push(Some(number), 10, posting.await);
        }
        pipeline.push(Some(4), 10, Posting::answered(Err(Error::NoRoom)));
        for (number, answer) in answers.into_iter().enumerate().rev() {
            answer.send(number as i64 + 1).expect("somebody listens");
        }
        for number in 1..=3 {
            let (id, answer) = pipeline.next().await.expect("one more");
            assert_eq!((id, answer.expect("posted").seq), (Some(number), Seq(number)));
        }
        assert!(matches!(pipeline.next().await, Some((Some(4), Err(Error::NoRoom)))));
        assert!(pipeline.next().await.is_none());
    }

    #[tokio::test]
    async fn it_is_full_by_messages_and_by_bytes() {
        let posted = || Posting::answered(Ok(message(1)));
        let mut many = Pipeline::default();
        for _ in 0..IN_FLIGHT_MAX {
            assert!(!many.is_full());
            many.push(None, 1, posted());
        }
        assert!(many.is_full());
        many.next().await;
        assert!(!many.is_full());

        let mut large = Pipeline::default();
        large.push(None, BYTES_FULL, posted());
        assert!(large.is_full());
        large.next().await;
        assert!(!large.is_full() && large.is_empty());
    }
}
