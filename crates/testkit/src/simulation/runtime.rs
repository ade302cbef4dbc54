//! Tasks on a virtual clock, one at a time, in an order that a seed decides.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Chance from a seed: splitmix64.
#[derive(Debug)]
pub struct Chance(Cell<u64>);

impl Chance {
    /// The same seed brings the same numbers.
    pub fn new(seed: u64) -> Chance {
        Chance(Cell::new(seed))
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1).unsigned_abs()).cast_signed()
    }

    /// A place in a list of this length, which must not be empty.
    pub fn below(&self, length: usize) -> usize {
        (self.next() % length as u64) as usize
    }

    /// True this many times of a thousand.
    pub fn permille(&self, rate: i64) -> bool {
        self.between(0, 999) < rate
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Tasks that wait for nothing but time.
pub struct Runtime {
    /// What decides.
    pub chance: Chance,
    now: Cell<i64>,
    next: Cell<u64>,
    current: Cell<u64>,
    timers: RefCell<BTreeMap<(i64, u64), u64>>,
    tasks: RefCell<BTreeMap<u64, Task>>,
}

impl Runtime {
    /// No tasks, at the time zero.
    pub fn new(seed: u64) -> Rc<Runtime> {
        Rc::new(Runtime {
            chance: Chance::new(seed),
            now: Cell::new(0),
            next: Cell::new(0),
            current: Cell::new(0),
            timers: RefCell::default(),
            tasks: RefCell::default(),
        })
    }

    /// Milliseconds since the beginning.
    pub fn now(&self) -> i64 {
        self.now.get()
    }

    fn number(&self) -> u64 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    /// Starts a task, which runs from the next moment on.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let id = self.number();
        self.tasks.borrow_mut().insert(id, Box::pin(task));
        self.timers.borrow_mut().insert((self.now(), id), id);
    }

    /// Waits this many milliseconds.
    pub fn sleep(self: &Rc<Self>, ms: i64) -> impl Future<Output = ()> + use<> {
        let runtime = self.clone();
        let until = self.now() + ms;
        poll_fn(move |_| {
            if runtime.now() >= until {
                return Poll::Ready(());
            }
            let key = (until, runtime.number());
            runtime.timers.borrow_mut().insert(key, runtime.current.get());
            Poll::Pending
        })
    }

    /// Waits a time from `low` to `high`.
    pub fn pause(self: &Rc<Self>, low: i64, high: i64) -> impl Future<Output = ()> + use<> {
        self.sleep(self.chance.between(low, high))
    }

    /// Lets the time pass up to `end`, or until `stop` says so.
    pub fn run_until(&self, end: i64, stop: impl Fn() -> bool) {
        while !stop() {
            let Some((key, id)) = self.timers.borrow().first_key_value().map(|(key, id)| (*key, *id)) else { break };
            if key.0 > end {
                break;
            }
            self.timers.borrow_mut().remove(&key);
            self.now.set(key.0);
            self.current.set(id);
            let Some(mut task) = self.tasks.borrow_mut().remove(&id) else { continue };
            if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                self.tasks.borrow_mut().insert(id, task);
            }
        }
        self.now.set(end.max(self.now()));
    }

    /// Ends all tasks, so that what they hold is let go.
    pub fn clear(&self) {
        self.timers.borrow_mut().clear();
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
    }
}

/// The answer of a future that never waits.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the store in memory never waits"),
    }
}
