//! Coalesced questions: those that come while one is being answered share the next reading.
//!
//! After a network failed everybody comes back at once. What each asks then (this room's latest, that login) is read as
//! often as the database answers, not as often as it is asked. Nobody is told anything read before they asked.

use crate::db::error::busy;
use crate::db::pool::ANSWER_WITHIN;
use domain::ports::store::StoreError;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The most different questions in one reading.
const AT_ONCE: usize = 500;

/// How long somebody waits for an answer: a reading that was under way, and one's own, when both are slow.
const READ_TIMEOUT: Duration = Duration::from_secs(ANSWER_WITHIN.as_secs() + 2);

type Answer<V> = oneshot::Sender<Result<Option<V>, StoreError>>;
type Asked<I, V> = Vec<(I, Answer<V>)>;
type Waiting<L, I, V> = Mutex<HashMap<L, Asked<I, V>>>;

/// Questions by key: those of one key are read together, one reading at a time.
pub struct RequestCoalescer<L, I, V> {
    /// A key is there while it is being read.
    waiting: Arc<Waiting<L, I, V>>,
}

impl<L, I, V> Default for RequestCoalescer<L, I, V> {
    fn default() -> Self {
        RequestCoalescer { waiting: Arc::default() }
    }
}

impl<L, I, V> RequestCoalescer<L, I, V>
where
    L: Clone + Eq + Hash + Send + 'static,
    I: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// What `read` finds for `item`, in a reading that begins after this call. Who came while a reading failed hears of that
    /// failure: the store is asked again by who comes next.
    pub async fn get<R, F>(&self, key: L, item: I, read: R) -> Result<Option<V>, StoreError>
    where
        R: Fn(Vec<I>) -> F + Send + 'static,
        F: Future<Output = Result<HashMap<I, V>, StoreError>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        if self.queue(key.clone(), item, answer) {
            // A task of its own: whoever asked first may go away, and the others still want to know.
            tokio::spawn(run(self.waiting.clone(), key, read));
        }
        match tokio::time::timeout(READ_TIMEOUT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

/// A key that is read. Whatever ends the reading, the key ends with it, and who waits in it is told.
struct PendingKey<L: Eq + Hash, I, V> {
    waiting: Arc<Waiting<L, I, V>>,
    name: L,
    is_empty: bool,
}

impl<L: Eq + Hash, I, V> Drop for PendingKey<L, I, V> {
    fn drop(&mut self) {
        if !self.is_empty {
            lock(&self.waiting).remove(&self.name);
        }
    }
}

impl<L: Eq + Hash, I, V> RequestCoalescer<L, I, V> {
    /// Queues a question; whether nobody reads its key yet.
    fn queue(&self, key: L, item: I, answer: Answer<V>) -> bool {
        let mut waiting = lock(&self.waiting);
        let is_new = !waiting.contains_key(&key);
        waiting.entry(key).or_default().push((item, answer));
        is_new
    }
}

async fn run<L, I, V, R, F>(waiting: Arc<Waiting<L, I, V>>, key: L, read: R)
where
    L: Eq + Hash,
    I: Clone + Eq + Hash,
    V: Clone,
    R: Fn(Vec<I>) -> F,
    F: Future<Output = Result<HashMap<I, V>, StoreError>>,
{
    let mut key = PendingKey { waiting, name: key, is_empty: false };
    while let Some((items, mut asked)) = key.take() {
        let found = read(items).await;
        if found.is_err() {
            asked.extend(key.take_all());
        }
        for (item, answer) in asked {
            // Whoever asked may have gone.
            let _ = answer.send(match &found {
                Ok(found) => Ok(found.get(&item).cloned()),
                Err(error) => Err(again(error)),
            });
        }
    }
}

impl<L: Eq + Hash, I: Clone + Eq + Hash, V> PendingKey<L, I, V> {
    /// What is to be read next, and who asked; `None`, and the key is gone, when nobody waits.
    fn take(&mut self) -> Option<(Vec<I>, Asked<I, V>)> {
        let mut waiting = lock(&self.waiting);
        let asked = waiting.get_mut(&self.name)?;
        let mut items = HashSet::new();
        let fits =
            |(item, _): &(I, Answer<V>)| items.contains(item) || (items.len() < AT_ONCE && items.insert(item.clone()));
        let count = asked.iter().map(fits).take_while(|fits| *fits).count();
        if count == 0 {
            waiting.remove(&self.name);
            self.is_empty = true;
            return None;
        }
        let asked = asked.drain(..count).collect();
        Some((items.into_iter().collect(), asked))
    }

    /// Everybody who waits.
    fn take_all(&self) -> Asked<I, V> {
        lock(&self.waiting).get_mut(&self.name).map(std::mem::take).unwrap_or_default()
    }
}

fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::NameTaken => StoreError::NameTaken,
        StoreError::Busy { retry_after } => StoreError::Busy { retry_after: *retry_after },
        StoreError::StorageFull { retry_after } => StoreError::StorageFull { retry_after: *retry_after },
        StoreError::Failed(why) => StoreError::Failed(why.clone()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    /// Squares numbers, one reading for each permit.
    #[derive(Clone)]
    struct Reader {
        readings: Arc<AtomicUsize>,
        gate: Arc<Semaphore>,
    }

    impl Reader {
        fn new() -> Reader {
            Reader { readings: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
        }

        async fn read(self, items: Vec<u64>) -> Result<HashMap<u64, u64>, StoreError> {
            self.readings.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.map_err(|_| busy())?.forget();
            Ok(items.into_iter().filter(|n| *n < 100).map(|n| (n, n * n)).collect())
        }
    }

    fn get(
        coalescer: &Arc<RequestCoalescer<u8, u64, u64>>,
        key: u8,
        item: u64,
        reader: &Reader,
    ) -> tokio::task::JoinHandle<Result<Option<u64>, StoreError>> {
        let (coalescer, reader) = (coalescer.clone(), reader.clone());
        tokio::spawn(async move { coalescer.get(key, item, move |items| reader.clone().read(items)).await })
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_asks_while_one_is_answered_shares_the_next_reading() {
        let (coalescer, reader) = (Arc::new(RequestCoalescer::default()), Reader::new());
        let first = get(&coalescer, 1, 2, &reader);
        until(|| reader.readings.load(Ordering::SeqCst) == 1).await;
        let others: Vec<_> = (0..300).map(|n| get(&coalescer, 1, n % 200, &reader)).collect();
        until(|| lock(&coalescer.waiting).get(&1).is_some_and(|waiting| waiting.len() == 300)).await;
        reader.gate.add_permits(2);
        assert!(matches!(first.await, Ok(Ok(Some(4)))));
        for (n, other) in others.into_iter().enumerate() {
            let n = n as u64 % 200;
            let expected = (n < 100).then_some(n * n);
            assert!(matches!(other.await, Ok(Ok(answer)) if answer == expected), "{n}");
        }
        assert_eq!(reader.readings.load(Ordering::SeqCst), 2);
        assert!(lock(&coalescer.waiting).is_empty());
    }

    #[tokio::test]
    async fn lanes_do_not_wait_for_each_other_and_who_goes_away_takes_nobody_along() {
        let (coalescer, slow, fast) = (Arc::new(RequestCoalescer::default()), Reader::new(), Reader::new());
        fast.gate.add_permits(1);
        let gone = get(&coalescer, 1, 2, &slow);
        until(|| slow.readings.load(Ordering::SeqCst) == 1).await;
        let stays = get(&coalescer, 1, 3, &slow);
        assert!(matches!(get(&coalescer, 2, 5, &fast).await, Ok(Ok(Some(25)))));
        gone.abort();
        slow.gate.add_permits(2);
        assert!(matches!(stays.await, Ok(Ok(Some(9)))));
    }

    #[tokio::test]
    async fn a_reading_that_fails_fails_for_all_who_came_meanwhile() {
        let (coalescer, reader) = (Arc::new(RequestCoalescer::default()), Reader::new());
        let first = get(&coalescer, 1, 2, &reader);
        until(|| reader.readings.load(Ordering::SeqCst) == 1).await;
        let second = get(&coalescer, 1, 3, &reader);
        until(|| lock(&coalescer.waiting).get(&1).is_some_and(|waiting| waiting.len() == 1)).await;
        reader.gate.close();
        assert!(matches!(first.await, Ok(Err(StoreError::Busy { .. }))));
        assert!(matches!(second.await, Ok(Err(StoreError::Busy { .. }))));
        assert_eq!(reader.readings.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_runtime_that_ends_while_it_reads_takes_no_lane_along() {
        let (coalescer, reader) = (Arc::new(RequestCoalescer::default()), Reader::new());
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build();
        let Ok(ending) = runtime() else { panic!("a runtime") };
        ending.block_on(async {
            let _gone = get(&coalescer, 1, 2, &reader);
            until(|| reader.readings.load(Ordering::SeqCst) == 1).await;
        });
        drop(ending);
        let Ok(other) = runtime() else { panic!("a runtime") };
        reader.gate.add_permits(2);
        assert!(matches!(other.block_on(async { get(&coalescer, 1, 4, &reader).await }), Ok(Ok(Some(16)))));
    }

    #[tokio::test]
    async fn an_error_is_told_to_all_who_asked_and_the_next_one_asks_anew() {
        let coalescer: RequestCoalescer<(), u64, u64> = RequestCoalescer::default();
        let failed = coalescer.get((), 1, |_| async { Err(StoreError::Failed("broken".to_owned())) }).await;
        assert!(matches!(failed, Err(StoreError::Failed(why)) if why == "broken"));
        let healed = coalescer.get((), 1, |items| async move { Ok(items.into_iter().map(|n| (n, 7)).collect()) }).await;
        assert!(matches!(healed, Ok(Some(7))));
    }
}
