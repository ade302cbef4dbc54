//! `banter room …`: the rooms there are.

use crate::cli::{Failure, with_store};
use crate::config::Config;
use domain::model::id::RoomId;

/// How many rooms are read at a time.
const PAGE: usize = 500;

/// What is done with rooms.
#[derive(Debug, clap::Subcommand)]
pub enum RoomCommand {
    /// List all rooms, oldest first: uid, slow mode in seconds, name
    List {
        #[command(flatten)]
        config: Box<Config>,
    },
}

impl RoomCommand {
    /// The settings it came with.
    pub fn config(&self) -> &Config {
        let RoomCommand::List { config } = self;
        config
    }

    /// Does it.
    pub async fn run(self) -> Result<(), Failure> {
        with_store(self.config(), async |wired| {
            let mut after = RoomId(0);
            loop {
                let rooms = wired.services.operator.rooms(after, PAGE).await?;
                for room in &rooms {
                    super::say(&format!("{}\t{}\t{}", room.uid, room.rules.slow_mode.as_seconds_up(), room.name))?;
                }
                match rooms.last() {
                    Some(last) => after = last.id,
                    None => return Ok(()),
                }
            }
        })
        .await
    }
}
