//! The setting LIMITS: on, off, or on with some of the limits changed.

use domain::model::time::{Duration, Span};
use domain::ports::effects::{Quota, Rates};

/// What is limited, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Nothing is counted.
    pub off: bool,
    /// The rates of the quotas.
    pub rates: Rates,
    /// The most sockets.
    pub caps: Caps,
}

/// The most sockets of one process. A process may usually open 20 000 files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// In all; more are told to come back (1013).
    pub all: usize,
    /// From one network (IPv4 address, IPv6 /64); more are refused (4009). A school is behind one address.
    pub per_network: usize,
    /// Of one user; more are refused (4009).
    pub per_user: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Caps { all: 15_000, per_network: 500, per_user: 50 }
    }
}

impl Caps {
    /// No limit but the machine's.
    pub const NONE: Caps = Caps { all: usize::MAX, per_network: usize::MAX, per_user: usize::MAX };
}

impl Limits {
    /// Reads `on`, `off`, or changes by comma: `post=20/2s` (20 at once, then one each 2 s), `sockets=30000`.
    pub fn parse(text: &str) -> Result<Limits, String> {
        let mut limits = Limits::default();
        match text.trim() {
            "on" => return Ok(limits),
            "off" => return Ok(Limits { off: true, caps: Caps::NONE, ..limits }),
            _ => {}
        }
        for change in text.split(',').map(str::trim).filter(|change| *change != "on") {
            let (name, value) = change.split_once('=').ok_or_else(|| usage(change))?;
            let count = |text: &str| text.parse::<usize>().ok().filter(|count| *count > 0).ok_or_else(|| usage(change));
            match name {
                "sockets" => limits.caps.all = count(value)?,
                "sockets-per-network" => limits.caps.per_network = count(value)?,
                "sockets-per-user" => limits.caps.per_user = count(value)?,
                _ => {
                    let quota = Quota::parse(name).ok_or_else(|| usage(change))?;
                    let (burst, period) = rate(value).ok_or_else(|| usage(change))?;
                    limits.rates.set(quota, burst, period);
                }
            }
        }
        Ok(limits)
    }
}

/// `20/2s`, or `20/500ms`.
fn rate(text: &str) -> Option<(u32, Span)> {
    let (burst, period) = text.split_once('/')?;
    let burst = burst.parse().ok().filter(|burst| *burst > 0)?;
    let period = match period.strip_suffix("ms") {
        Some(number) => Span::millis(number.parse().ok().filter(|ms| *ms > 0)?),
        None => match Duration::parse(period).ok()? {
            Duration::For(span) => span,
            Duration::Forever => return None,
        },
    };
    Some((burst, period))
}

fn usage(change: &str) -> String {
    let names: Vec<&str> = Quota::ALL.iter().map(|quota| quota.as_str()).collect();
    let change: String = change.chars().take(40).collect();
    format!(
        "{change:?} is neither on, off, NAME=BURST/PERIOD such as post=20/2s with one of {}, nor a number of sockets, \
         sockets-per-network or sockets-per-user",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_on_off_or_changed_one_by_one() {
        assert_eq!(Limits::parse("on"), Ok(Limits::default()));
        assert!(Limits::parse("off").unwrap().off);
        let limits = Limits::parse("post=20/2s, guest=5/250ms,sockets=30000,sockets-per-user=3").unwrap();
        assert_eq!(limits.rates.of(Quota::Post), (20, Span::seconds(2)));
        assert_eq!(limits.rates.of(Quota::Guest), (5, Span::millis(250)));
        assert_eq!(limits.rates.of(Quota::Frame), Quota::Frame.rate());
        assert_eq!(limits.caps, Caps { all: 30_000, per_user: 3, ..Caps::default() });
        for bad in
            ["", "5", "post", "post=", "post=0/1s", "post=5/0s", "post=5/perm", "dance=5/1s", "sockets=0", "sockets=x"]
        {
            assert!(Limits::parse(bad).is_err(), "{bad}");
        }
    }
}
