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
fn parse(setting: &str) -> Result<Targets, String> {
    let wrong = |part: &str| {
        let part: String = part.chars().take(40).collect();
        format!("LOG: {part:?} is neither a level (error, warn, info, debug, trace, off) nor MODULE=LEVEL")
    };
    // What the framework says of its workers is noise unless something is wrong.
    // Its dispatcher takes the end of a socket for an error: a body can end one in no other way.
    let quiet = Targets::new()
        .with_target("actix_server", LevelFilter::WARN)
        .with_target("actix_http::h1::dispatcher", LevelFilter::OFF);
    setting.split(',').map(str::trim).try_fold(quiet, |targets, part| match part.split_once('=') {
        Some((module, level)) if !module.trim().is_empty() => {
            Ok(targets.with_target(module.trim(), level.trim().parse::<LevelFilter>().map_err(|_| wrong(part))?))
        }
        // Alone, the crate would take an unknown level for a module.
        None if part.parse::<i64>().is_err() => {
            Ok(targets.with_default(part.parse::<LevelFilter>().map_err(|_| wrong(part))?))
        }
        _ => Err(wrong(part)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
