//! What becomes of the rooms of an account that is deleted.

use crate::model::id::{RoomId, UserUid};
use crate::model::rank::Rank;
use crate::model::room::Room;
use crate::model::user::{Member, User};
use crate::policy::{self, Action};
use crate::ports::log::{LogCommand, LogEntry};
use crate::service::Caller;
use crate::service::accounts::Accounts;
use crate::service::error::{Error, Resource};

/// How many rooms are handed over before more are read.
const ROOMS_AT_ONCE: usize = 100;

impl Accounts {
    /// What would become of the rooms that a user owns: each with its next owner, `None` for those that would close. For the
    /// user, and for those who may erase the user.
    pub async fn rooms_to_hand_over(&self, caller: &Caller, uid: &UserUid) -> Result<Vec<(Room, Option<User>)>, Error> {
        let subject = self.user(uid).await?;
        if subject.id != caller.user.id {
            policy::may_to(&caller.user, Action::Administer, &subject)?;
        }
        let (mut all, mut after) = (Vec::new(), RoomId::SERVER);
        loop {
            let rooms = self.ports.rooms.list(Some(subject.id), after, ROOMS_AT_ONCE).await?;
            let Some(last) = rooms.last() else { return Ok(all) };
            after = last.id;
            for room in rooms {
                let next = self.successor(&room).await?.map(|member| member.user);
                all.push((room, next));
            }
        }
    }

    async fn successor(&self, room: &Room) -> Result<Option<Member>, Error> {
        let appointed = self.ports.rooms.appointed(room.id).await?;
        let moderators = appointed.into_iter().filter(|member| member.room_rank == Some(Rank::Mod));
        Ok(moderators.min_by_key(|member| member.user.id))
    }

    pub(super) async fn hand_over_rooms(&self, caller: &Caller, subject: &User) -> Result<(), Error> {
        loop {
            let rooms = self.ports.rooms.list(Some(subject.id), RoomId::SERVER, ROOMS_AT_ONCE).await?;
            if rooms.is_empty() {
                return Ok(());
            }
            for room in rooms {
                let at = self.ports.clock.now();
                let actor =
                    self.ports.rooms.members(room.id, &[caller.user.id]).await?.pop().ok_or(Error::TokenInvalid)?;
                let command = match self.successor(&room).await? {
                    Some(to) => LogCommand::Transfer { to: Box::new(to) },
                    None => LogCommand::Close,
                };
                let appended = self.ports.log.append(LogEntry { room: room.id, actor, at, command }).await;
                appended.map_err(|error| Error::append(error, Resource::Room, at))?;
            }
        }
    }
}
