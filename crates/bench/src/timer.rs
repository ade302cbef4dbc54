//! A timer that rings to the microsecond: epoll's own timeouts are in milliseconds, which would show in the latencies.

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A timer of the kernel.
pub struct Timer(OwnedFd);

impl Timer {
    /// One that does not ring yet.
    pub fn new() -> io::Result<Timer> {
        Ok(Timer(rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?))
    }

    /// Rings once, this long from now. An earlier setting is forgotten, and with it the need to read the timer.
    pub fn ring_in(&self, time: Duration) -> io::Result<()> {
        // Zero would turn it off.
        let time = time.max(Duration::from_nanos(1));
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let once = Timespec { tv_sec: seconds, tv_nsec: i64::from(time.subsec_nanos()) };
        let setting = Itimerspec { it_interval: never, it_value: once };
        rustix::time::timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &setting)?;
        Ok(())
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
