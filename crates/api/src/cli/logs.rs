//! What is logged to stderr. Never bodies, tokens, or clear addresses: whoever logs leaves them out.

use std::io::IsTerminal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins to log as LOG says.
pub fn start(setting: &str) -> Result<(), String> {
    let targets = parse(setting)?;
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines).with(targets).try_init().map_err(|error| error.to_string())
}

/// Reads a level, or levels by module such as `info,api=debug`.
///
/// A bare level is for what is ours. Other crates stay at info at the most: below it they tell heads of requests, and
/// with them tokens.
fn parse(setting: &str) -> Result<Targets, String> {
    let wrong = |part: &str| {
        let part: String = part.chars().take(40).collect();
        format!("LOG: {part:?} is neither a level (error, warn, info, debug, trace, off) nor MODULE=LEVEL")
    };
    // The crate reads numbers and nothing at all as levels too; here both are slips.
    let level = |text: &str| text.trim().parse().ok().filter(|_: &LevelFilter| text.contains(char::is_alphabetic));
    // What the framework says of its workers is noise unless something is wrong.
    // Its dispatcher takes the end of a socket for an error: a body can end one in no other way.
    let quiet = Targets::new()
        .with_target("actix_server", LevelFilter::WARN)
        .with_target("actix_http::h1::dispatcher", LevelFilter::OFF);
    setting.split(',').try_fold(quiet, |targets, part| match part.split_once('=') {
        Some((module, _)) if module.trim().is_empty() => Err(wrong(part)),
        Some((module, text)) => Ok(targets.with_target(module.trim(), level(text).ok_or_else(|| wrong(part))?)),
        None => {
            let level = level(part).ok_or_else(|| wrong(part))?;
            let ours = ["api", "infra", "banter"].map(|name| (name, level));
            Ok(targets.with_targets(ours).with_default(level.min(LevelFilter::INFO)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn other_crates_never_tell_more_than_info_unless_named() {
        let enabled = |setting: &str, target: &str| parse(setting).unwrap().would_enable(target, &Level::DEBUG);
        assert!(enabled("debug", "api::http::layers"));
        assert!(!enabled("trace", "actix_http::h1"));
        assert!(enabled("trace,actix_http=debug", "actix_http::h1"));
        assert!(!enabled("info", "infra::db"));
    }

    #[test]
    fn a_level_or_levels_by_module() {
        for good in ["info", "WARN", "off", "info,api=debug", " warn , infra = trace ", "api::http=debug"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "loud", "info,loud", "api=loud", "=info", "info,,", "3"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
