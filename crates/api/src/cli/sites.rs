//! `banter site …`: web sites whose rooms belong together, and the keys that they sign tokens with.

use crate::cli::{Failure, with_store};
use crate::config::Config;
use domain::model::id::{SiteId, SiteUid};
use domain::service::sites::KeyRequest;
use std::path::PathBuf;

/// How many sites are read at a time.
const PAGE: usize = 500;

/// What is done with sites.
#[derive(Debug, clap::Subcommand)]
pub enum SiteCommand {
    /// Make a site, and print its uid
    Create {
        /// The name for people
        name: String,
        /// The user who owns it, by the name to log in with
        #[arg(long)]
        owner: String,
        /// Whose pages may frame the chat of its rooms, such as https://example.org; may be given several times
        #[arg(long = "origin")]
        origins: Vec<String>,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// List all sites, oldest first: uid, name
    List {
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Make a key for a site, and print its kid, and its secret unless a public key is given
    Key {
        /// The site's uid
        #[arg(value_parser = uid)]
        site: SiteUid,
        /// A file with the public key, in PEM or as JWK; without it the key is a secret that is made up and printed
        #[arg(long)]
        public_key: Option<PathBuf>,
        /// The name for people
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        config: Box<Config>,
    },
}

fn uid(text: &str) -> Result<SiteUid, String> {
    SiteUid::parse(text).ok_or_else(|| "must be the uid of a site, 8 letters and digits".to_owned())
}

impl SiteCommand {
    /// The settings it came with.
    pub fn config(&self) -> &Config {
        match self {
            SiteCommand::Create { config, .. } | SiteCommand::List { config } | SiteCommand::Key { config, .. } => {
                config
            }
        }
    }

    /// Does it, and says what was done on stdout.
    pub async fn run(self) -> Result<(), Failure> {
        with_store(self.config(), async |wired| {
            let operator = &wired.services.operator;
            match &self {
                SiteCommand::Create { name, owner, origins, .. } => {
                    let site = operator.create_site(owner, name, origins).await?;
                    super::say(&format!("made {}, uid {}", site.name, site.uid))
                }
                SiteCommand::List { .. } => {
                    let mut after = SiteId(0);
                    loop {
                        let sites = operator.sites(after, PAGE).await?;
                        for site in &sites {
                            super::say(&format!("{}\t{}", site.uid, site.name))?;
                        }
                        match sites.last() {
                            Some(last) => after = last.id,
                            None => return Ok(()),
                        }
                    }
                }
                SiteCommand::Key { site, public_key, name, .. } => {
                    let made = operator.add_site_key(site, request(public_key.as_ref(), name.as_ref())?).await?;
                    super::say(&format!("kid: {}", made.key.kid))?;
                    made.secret.map_or(Ok(()), |secret| super::say(&format!("secret: {secret}")))
                }
            }
        })
        .await
    }
}

fn request(public_key: Option<&PathBuf>, name: Option<&String>) -> Result<KeyRequest, Failure> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path);
        text.map_err(|error| Failure::Failed(format!("{} cannot be read: {error}", path.display())))
    };
    let public_key = public_key.map(read).transpose()?;
    let kind = if public_key.is_some() { "public" } else { "secret" };
    Ok(KeyRequest { kind: kind.to_owned(), public_key, name: name.cloned() })
}
