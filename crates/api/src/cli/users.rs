//! `banter user …`: making users, giving them passwords and ranks.

use crate::cli::{Failure, with_store};
use crate::config::Config;
use domain::model::rank::Rank;
use domain::service::operator::Operator;
use std::io::{BufRead, IsTerminal};

/// What is done to a user.
#[derive(Debug, clap::Subcommand)]
pub enum UserCommand {
    /// Make a user; the password is made up and printed unless it comes by stdin
    Create {
        /// The name to log in with
        name: String,
        /// The rank that holds everywhere: registered, super_mod or admin
        #[arg(long, default_value = "registered", value_parser = role)]
        role: Rank,
        /// Read the password from the first line of stdin
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Give a user, root too, another password, and end all logins; made up and printed unless it comes by stdin
    Password {
        /// The name to log in with
        name: String,
        /// Read the password from the first line of stdin
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Set the rank that a user holds everywhere
    Role {
        /// The name to log in with
        name: String,
        /// registered, super_mod or admin
        #[arg(value_parser = role)]
        role: Rank,
        #[command(flatten)]
        config: Box<Config>,
    },
}

fn role(name: &str) -> Result<Rank, String> {
    let grantable = [Rank::Registered, Rank::SuperMod, Rank::Admin];
    let found = grantable.into_iter().find(|rank| rank.as_str() == name);
    found.ok_or_else(|| "must be registered, super_mod or admin".to_owned())
}

impl UserCommand {
    /// The settings it came with.
    pub fn config(&self) -> &Config {
        match self {
            UserCommand::Create { config, .. }
            | UserCommand::Password { config, .. }
            | UserCommand::Role { config, .. } => config,
        }
    }

    /// Does it, and says what was done on stdout.
    pub async fn run(self) -> Result<(), Failure> {
        with_store(self.config(), async |wired| {
            let operator = &wired.services.operator;
            match &self {
                UserCommand::Create { name, role, password_stdin, .. } => {
                    let (password, made_up) = password(operator, *password_stdin)?;
                    let user = operator.create(name, &password, *role).await?;
                    super::say(&format!("made {} ({}), uid {}", user.display_name.as_str(), role.as_str(), user.uid))?;
                    tell(made_up.then_some(&password))?;
                }
                UserCommand::Password { name, password_stdin, .. } => {
                    let (password, made_up) = password(operator, *password_stdin)?;
                    operator.set_password(name, &password).await?;
                    super::say(&format!("{name} has another password; all logins ended"))?;
                    tell(made_up.then_some(&password))?;
                }
                UserCommand::Role { name, role, .. } => {
                    operator.set_rank(name, *role).await?;
                    super::say(&format!("{name} is {} now", role.as_str()))?;
                }
            }
            Ok(())
        })
        .await
    }
}

fn password(operator: &Operator, from_stdin: bool) -> Result<(String, bool), Failure> {
    if !from_stdin {
        return Ok((operator.strong_password(), true));
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("Password: ");
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(|error| Failure::Failed(format!("stdin cannot be read: {error}")))?;
    Ok((line.trim_end_matches(['\r', '\n']).to_owned(), false))
}

fn tell(made_up: Option<&String>) -> Result<(), Failure> {
    made_up.map_or(Ok(()), |password| super::say(&format!("password: {password}")))
}
