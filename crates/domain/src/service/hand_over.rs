//! What becomes of the rooms of an account that is deleted.

use crate::model::id::{RoomId, UserUid};
use crate::model::room::Room;
use crate::model::user::User;
use crate::policy::{self, Action};
use crate::ports::log::{AppendError, LogCommand, LogEntry};
use crate::review;
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
                let next = self.next_owner(&room).await?;
                all.push((room, next));
            }
        }
    }

    async fn next_owner(&self, room: &Room) -> Result<Option<User>, Error> {
        let now = self.ports.clock.now();
        for member in policy::next_owners(self.ports.rooms.appointed(room.id).await?) {
            let user = &member.user;
            let access =
                self.ports.access_reader.access_context(&room.uid, Some(user.id), user.network.as_ref(), now).await?;
            if access.is_some_and(|access| review::banning(&access.sanctions, now).is_none()) {
                return Ok(Some(member.user));
            }
        }
        Ok(None)
    }

    /// Hands over every room that `subject` owns. Who gets it is decided when it is written.
    pub(super) async fn hand_over_rooms(&self, actor: &User, subject: &User) -> Result<(), Error> {
        let mut after = RoomId::SERVER;
        loop {
            let rooms = self.ports.rooms.list(Some(subject.id), after, ROOMS_AT_ONCE).await?;
            let Some(last) = rooms.last() else { return Ok(()) };
            after = last.id;
            for room in rooms {
                let at = self.ports.clock.now();
                let actor = self.ports.rooms.members(room.id, &[actor.id]).await?.pop();
                let actor = actor.ok_or(Error::TokenInvalid)?;
                let command = LogCommand::HandOver { from: Box::new(subject.clone()) };
                match self.ports.log.append(LogEntry { room: room.id, actor, at, command }).await {
                    // Another deletion of the same user was faster.
                    Ok(_) | Err(AppendError::Missing | AppendError::RoomGone) => {}
                    Err(error) => return Err(Error::append(error, Resource::Room, at)),
                }
            }
        }
    }
}
