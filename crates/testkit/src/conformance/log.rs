//! Appending.

use super::Subject;
use domain::ports::log::Act;

/// A room's first event is 1, whatever it is.
pub async fn seqs_count_from_one_without_gaps(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let first = subject.post(lobby.id, &ann, "one").await;
    let second = subject.done(lobby.id, &ann, Act::Delete { message: first.id }).await;
    let third = subject.post(lobby.id, &ann, "three").await;
    assert_eq!([first.seq.0, second.seq.0, third.seq.0], [1, 2, 3]);
}
