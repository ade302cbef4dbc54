//! Instants and lengths of time, both in milliseconds, and the durations people type.

use std::fmt;
use std::ops::{Add, Sub};

/// An instant: milliseconds since 1970-01-01 UTC, in JSON and in both databases alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A length of time in milliseconds, never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// `ms` milliseconds; below zero is zero.
    pub const fn millis(ms: i64) -> Span {
        Span(if ms < 0 { 0 } else { ms })
    }

    /// `s` seconds.
    pub const fn seconds(s: i64) -> Span {
        Span::millis(s.saturating_mul(1000))
    }

    /// `m` minutes.
    pub const fn minutes(m: i64) -> Span {
        Span::seconds(m.saturating_mul(60))
    }

    /// `d` days.
    pub const fn days(d: i64) -> Span {
        Span::minutes(d.saturating_mul(24 * 60))
    }

    /// The length in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded up: what a client should wait.
    pub const fn as_seconds_up(self) -> i64 {
        (self.0 + 999) / 1000
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    /// The time from `earlier` to `self`; zero when `earlier` is later.
    fn sub(self, earlier: Timestamp) -> Span {
        Span::millis(self.0.saturating_sub(earlier.0))
    }
}

/// How long something holds: for a time, or until it is lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    /// For this long, at least one second.
    For(Span),
    /// `perm`: until somebody lifts it.
    Forever,
}

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration is like 90s, 10m, 1h30m, 2d, 1w or perm, at most 10 years")]
pub struct BadDuration;

/// Ten years: longer is a typing error, and `perm` says it better.
const LONGEST: Span = Span::days(3653);

impl Duration {
    /// Reads `90s`, `10m`, `1h30m`, `2d`, `1w`, `perm`, or a bare number of seconds, as moderators of other chats type it.
    pub fn parse(text: &str) -> Result<Duration, BadDuration> {
        if text.eq_ignore_ascii_case("perm") {
            return Ok(Duration::Forever);
        }
        let mut total: i64 = 0;
        let mut number: Option<i64> = None;
        for c in text.chars() {
            if let Some(digit) = c.to_digit(10) {
                let grown = number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit.into()));
                number = Some(grown.ok_or(BadDuration)?);
                continue;
            }
            let seconds = match c.to_ascii_lowercase() {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                'w' => 604_800,
                _ => return Err(BadDuration),
            };
            let part = number.take().ok_or(BadDuration)?.checked_mul(seconds).ok_or(BadDuration)?;
            total = total.checked_add(part).ok_or(BadDuration)?;
        }
        if let Some(rest) = number {
            // A number without a unit stands alone: `1h30` is ambiguous, `600` is not.
            if total != 0 || text.chars().any(|c| !c.is_ascii_digit()) {
                return Err(BadDuration);
            }
            total = rest;
        }
        if total <= 0 || total > LONGEST.as_seconds_up() {
            return Err(BadDuration);
        }
        Ok(Duration::For(Span::seconds(total)))
    }

    /// When it ends if it begins at `now`; `None` for ever.
    pub fn ends_at(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Duration::For(span) => Some(now + span),
            Duration::Forever => None,
        }
    }
}

impl fmt::Display for Duration {
    /// Prints what [`Duration::parse`] reads, in the largest units: `1h30m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Duration::For(span) = self else { return f.write_str("perm") };
        span.fmt(f)
    }
}

impl fmt::Display for Span {
    /// In whole seconds, rounded up, in the largest units: `1h30m`; zero is `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.as_seconds_up();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (seconds, unit) in [(604_800, 'w'), (86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')] {
            if rest >= seconds {
                write!(f, "{}{unit}", rest / seconds)?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, seconds: Option<i64>) {
        let expected = seconds.map(|s| Duration::For(Span::seconds(s)));
        assert_eq!(Duration::parse(text).ok(), expected, "{text}");
    }

    #[test]
    fn durations_are_read_as_moderators_type_them() {
        check("90s", Some(90));
        check("10m", Some(600));
        check("1h30m", Some(5400));
        check("1H30M", Some(5400));
        check("2d", Some(172_800));
        check("1w", Some(604_800));
        check("600", Some(600));
        assert_eq!(Duration::parse("perm"), Ok(Duration::Forever));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for bad in ["", "0", "0s", "s", "10x", "1h30", "-5m", "5 m", "99999999999999999999s", "9999w", "１m", "perm1"]
        {
            check(bad, None);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(seconds in 1i64..=LONGEST.as_seconds_up()) {
            let duration = Duration::For(Span::seconds(seconds));
            prop_assert_eq!(Duration::parse(&duration.to_string()), Ok(duration));
        }
    }
}
