//! The command line: `banter serve` and what the operator does beside it.
//!
//! Exit 0 is done, 1 is a failure, 2 is a wrong value; both errors are one line on stderr.

mod doctor;
mod export;
mod logs;
mod rooms;
mod sites;
mod users;

use crate::bootstrap::{self, Wired};
use crate::config::Config;
use crate::http::openapi;
use crate::server;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use domain::service::error::Error;
use std::io::Write;
use std::process::ExitCode;

/// A self-hosted chat server
#[derive(Debug, Parser)]
#[command(name = "banter", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,
    #[command(flatten)]
    serve: Config,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Serve the chat; what happens without a command
    Serve(Box<Config>),
    /// Bring the database's tables up to date, and stop
    Migrate(Migrate),
    /// Check what the server needs (database, bus, clocks, limits, proxy), a line each, and say what to do
    Doctor(Box<Config>),
    /// Users
    #[command(subcommand)]
    User(users::UserCommand),
    /// Rooms
    #[command(subcommand)]
    Room(rooms::RoomCommand),
    /// Web sites and their keys
    #[command(subcommand)]
    Site(sites::SiteCommand),
    /// Write a room's messages and events to stdout, one JSON object a line
    Export(export::Export),
    /// Write the API's OpenAPI document to stdout
    Openapi(Box<Config>),
}

/// What else to do.
#[derive(Debug, clap::Args)]
struct Migrate {
    /// The database was restored from a backup: rooms get new epochs, so that clients that saw more start over
    #[arg(long)]
    restored: bool,
    #[command(flatten)]
    config: Box<Config>,
}

/// Why it was not done.
#[derive(Debug)]
pub enum Failure {
    /// A value is wrong.
    Value(String),
    /// It failed.
    Failed(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Invalid(invalid) => Failure::Value(invalid.to_string()),
            // At the command line the operator reads the store's own words.
            Error::Failed(words) => Failure::Failed(words),
            error => Failure::Failed(error.to_string()),
        }
    }
}

/// Runs the program: reads the arguments and the environment, does it, and says how it went.
pub fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Value(words)) => {
            eprintln!("banter: {words}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(words)) => {
            eprintln!("banter: {words}");
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    /// Reads arguments, the program's name first.
    fn read<T: Into<std::ffi::OsString> + Clone>(arguments: impl IntoIterator<Item = T>) -> clap::error::Result<Cli> {
        Cli::from_arg_matches(&command().try_get_matches_from(arguments)?)
    }
}

/// The parser. Every command takes the settings, because they say where the data is; those that concern only the server
/// are shown only there.
fn command() -> clap::Command {
    fn hide(command: clap::Command) -> clap::Command {
        let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        let settings: Vec<String> = settings().map(|arg| arg.get_id().to_string()).collect();
        let shown = ["database_url", "data_dir", "log"];
        let hidden = |id: &str| settings.iter().any(|setting| setting == id) && !shown.contains(&id);
        let command = command.mut_args(|arg| if hidden(arg.get_id().as_str()) { arg.hide(true) } else { arg });
        names.into_iter().fold(command, |command, name| command.mut_subcommand(name, hide))
    }
    ["migrate", "user", "room", "site", "export", "openapi"]
        .into_iter()
        .fold(Cli::command(), |command, name| command.mut_subcommand(name, hide))
}

/// The settings as clap knows them.
pub fn settings() -> impl Iterator<Item = clap::Arg> {
    let command = <Config as clap::Args>::augment_args(clap::Command::new("settings"));
    command.get_arguments().cloned().collect::<Vec<_>>().into_iter()
}

/// Help and version as clap prints them; an error in one line.
fn refuse(error: &clap::Error) -> ExitCode {
    let asked =
        [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
    if asked.contains(&error.kind()) {
        // Whoever closed the pipe does not want to read it.
        let _ = error.print();
        return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
    eprintln!("banter: {}", line.trim_start_matches("error: "));
    ExitCode::from(2)
}

fn run(cli: Cli) -> Result<(), Failure> {
    let command = cli.command.unwrap_or_else(|| CliCommand::Serve(Box::new(cli.serve)));
    let config = match &command {
        CliCommand::Serve(config) | CliCommand::Openapi(config) | CliCommand::Doctor(config) => config,
        CliCommand::Migrate(migrate) => &migrate.config,
        CliCommand::User(command) => command.config(),
        CliCommand::Room(command) => command.config(),
        CliCommand::Site(command) => command.config(),
        CliCommand::Export(export) => &export.config,
    };
    config.check().map_err(Failure::Value)?;
    // The doctor says itself what is wrong.
    let log = if matches!(command, CliCommand::Doctor(_)) { "off" } else { config.log.as_str() };
    logs::start(log).map_err(Failure::Value)?;
    // Never dropped: that would wait for calls of a database that hangs, and the process ends now anyway.
    let system = std::mem::ManuallyDrop::new(actix_web::rt::System::new());
    system.block_on(async {
        match command {
            CliCommand::Serve(config) => server::run(*config).await.map_err(Failure::Failed),
            CliCommand::Migrate(command) => migrate(&command).await,
            CliCommand::Doctor(config) => doctor::run(&config).await,
            CliCommand::User(command) => command.run().await,
            CliCommand::Room(command) => command.run().await,
            CliCommand::Site(command) => command.run().await,
            CliCommand::Export(export) => export.run().await,
            CliCommand::Openapi(_) => say(&openapi::text()),
        }
    })
}

async fn migrate(command: &Migrate) -> Result<(), Failure> {
    for version in bootstrap::migrate(&command.config).await.map_err(Failure::Failed)? {
        say(&version)?;
    }
    if command.restored {
        let rooms = bootstrap::renew_epochs(&command.config).await.map_err(Failure::Failed)?;
        say(&format!("{rooms} logs have new epochs"))?;
    }
    Ok(())
}

/// A line on stdout.
fn say(line: &str) -> Result<(), Failure> {
    let written = writeln!(std::io::stdout(), "{line}");
    written.map_err(|error| Failure::Failed(format!("stdout cannot be written: {error}")))
}

/// Opens the database, does `task`, and closes it, so that what was written is written and the nodes have heard of it.
async fn with_store<T>(config: &Config, task: impl AsyncFnOnce(&Wired) -> Result<T, Failure>) -> Result<T, Failure> {
    let wired = bootstrap::wire(config, bootstrap::system_clock()).await.map_err(Failure::Failed)?;
    let result = task(&wired).await;
    wired.store.shut_down().await;
    if let Some(cluster) = &wired.cluster {
        cluster.flush().await;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Cli, ErrorKind> {
        Cli::read(line.split(' ')).map_err(|error| error.kind())
    }

    #[test]
    fn the_parser_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn serving_needs_no_command() {
        assert!(check("banter").unwrap().command.is_none());
        assert_eq!(check("banter --listen 127.0.0.1:1").unwrap().serve.listen.port(), 1);
        assert!(matches!(check("banter serve --listen 127.0.0.1:1").unwrap().command, Some(CliCommand::Serve(_))));
    }

    #[test]
    fn every_command_takes_the_settings() {
        for line in [
            "banter migrate --data-dir x",
            "banter user create ann --role admin --password-stdin --data-dir x",
            "banter user password ann --data-dir x",
            "banter user role ann super_mod --data-dir x",
            "banter room list --data-dir x",
            "banter site create Example --owner ann --origin https://a.example --data-dir x",
            "banter site list --data-dir x",
            "banter site key abcdEF01 --name live --data-dir x",
            "banter site key abcdEF01 --public-key key.pem --data-dir x",
            "banter export abcDEF012345 --data-dir x",
            "banter openapi --data-dir x",
        ] {
            assert!(check(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_values_are_refused() {
        for (line, kind) in [
            ("banter --listen nowhere", ErrorKind::ValueValidation),
            ("banter --guests maybe", ErrorKind::InvalidValue),
            ("banter --limits 5", ErrorKind::ValueValidation),
            ("banter --public-url example.org", ErrorKind::ValueValidation),
            ("banter --password-cost 40", ErrorKind::ValueValidation),
            ("banter user create ann --role king", ErrorKind::ValueValidation),
            ("banter user role ann root", ErrorKind::ValueValidation),
            ("banter export short", ErrorKind::ValueValidation),
            ("banter site key short", ErrorKind::ValueValidation),
            ("banter site create Example", ErrorKind::MissingRequiredArgument),
            ("banter fly", ErrorKind::InvalidSubcommand),
            ("banter --wings 2", ErrorKind::UnknownArgument),
            ("banter user password", ErrorKind::MissingRequiredArgument),
        ] {
            assert_eq!(check(line).unwrap_err(), kind, "{line}");
        }
    }

    #[test]
    fn settings_of_the_server_are_shown_where_they_count() {
        let mut command = command();
        let mut help = |path: &[&str]| {
            let found = path.iter().fold(&mut command, |command, name| command.find_subcommand_mut(name).unwrap());
            found.render_long_help().to_string()
        };
        assert!(help(&["serve"]).contains("--trusted-proxies"));
        let help = help(&["user", "create"]);
        assert!(help.contains("--database-url") && !help.contains("--trusted-proxies"), "{help}");
    }
}
