//! Reading a room live: entering it, going on in it, catching up. Drives the state machines of [`crate::delivery::join`].

use crate::delivery::join::{CatchUp, CaughtUp, Entrance, Join, JoinLimits, LIMITS, Need};
use crate::delivery::latest::Latest;
use crate::delivery::tail::Tail;
use crate::delivery::viewer::LiveRoom;
use crate::model::audience::Recipient;
use crate::model::id::{Epoch, RoomId, RoomUid, Seq, UserId};
use crate::service::access::RoomRanks;
use crate::service::error::{Error, Resource};
use crate::service::reads::{ReadCost, Reader};
use crate::service::rooms::Rooms;
use crate::service::{Caller, Ports};
use std::sync::Arc;

/// What a node knows of its rooms besides the store.
pub trait Follower {
    /// A room that is followed.
    type Room: LiveRoom;

    /// The room, followed from now on. What the client takes from its tail is paused until it is joined, or resumed.
    fn follow(&self, room: RoomId, uid: &RoomUid) -> impl Future<Output = Result<Self::Room, Error>>;

    /// Who is logged in there and to be listed; nobody when the list is at hand already. Only asked for when the ranks are not
    /// in memory.
    fn users(&self, room: &Self::Room) -> Vec<UserId>;
}

/// Where a client wants to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinRequest {
    /// The last seq that the client has; `None` enters afresh.
    pub since: Option<Seq>,
    /// The history in which it has it.
    pub epoch: Option<Epoch>,
}

/// A room that somebody entered.
#[derive(Debug)]
pub struct Entered<R: LiveRoom> {
    /// The followed room.
    pub room: R,
    /// What to send, and the cursor after it.
    pub entrance: Entrance<R::Delivery>,
    /// The ranks held there: of the one who enters and of those whom the follower listed, at least.
    pub ranks: RoomRanks,
}

/// The service of those who read live.
#[derive(Clone)]
pub struct Viewing {
    ports: Ports,
    rooms: Rooms,
    limits: JoinLimits,
}

impl Viewing {
    pub(crate) fn new(ports: Ports, rooms: Rooms) -> Viewing {
        Viewing { ports, rooms, limits: LIMITS }
    }

    /// Lets somebody who is not banned into a room. Charges what is read to `reader`. Between the answer and setting the
    /// cursor nothing may wait.
    pub async fn join<F: Follower>(
        &self,
        caller: Option<&Caller>,
        reader: &Reader<'_>,
        uid: &RoomUid,
        request: JoinRequest,
        follower: &F,
    ) -> Result<Entered<F::Room>, Error> {
        let (mut join, mut need) = Join::new(request.since, request.epoch, self.limits);
        let mut followed: Option<(RoomId, F::Room)> = None;
        loop {
            need = match need {
                Need::Access { at_least } => {
                    let access = self.rooms.enter_at(caller, uid, at_least).await?;
                    let room = access.room.id;
                    let next = join.access(access);
                    if next == Need::Tail {
                        if let Some(behind) = join.events_behind() {
                            self.charge(reader, ReadCost::Resume { behind, max: self.limits.resume })?;
                        } else {
                            self.charge(reader, ReadCost::Snapshot(self.limits.snapshot))?;
                        }
                        followed = Some((room, follower.follow(room, uid).await?));
                    }
                    next
                }
                Need::Tail => {
                    let (_, room) = followed.as_ref().ok_or(Error::NoSuch(Resource::Room))?;
                    room.with_tail(|tail| join.tail(tail))
                }
                Need::Events { since, limit } => {
                    let (room, _) = followed.as_ref().ok_or(Error::NoSuch(Resource::Room))?;
                    let read = self.ports.events.event_range(*room, since, limit).await?;
                    join.events(read).map_err(|_| Error::NoSuch(Resource::Room))?
                }
                Need::Snapshot { limit } => {
                    let (id, room) = followed.as_ref().ok_or(Error::NoSuch(Resource::Room))?;
                    let people = room.with_tail(Tail::people_version);
                    let read = self.ports.messages.snapshot(*id, limit).await?;
                    let latest = read.map(|(head, messages)| Arc::new(Latest::new(head, messages, limit)));
                    latest.iter().for_each(|latest| room.keep_latest(latest, people));
                    join.snapshot(latest).map_err(|_| Error::NoSuch(Resource::Room))?
                }
                Need::Nothing => break,
            };
        }
        let entrance = join.finish().ok_or(Error::NoSuch(Resource::Room))?;
        let (id, room) = followed.ok_or(Error::NoSuch(Resource::Room))?;
        let entering = entrance.access.member.as_ref().map(|member| member.user.id);
        let users = || follower.users(&room).into_iter().chain(entering).collect();
        let ranks = self.rooms.ranks(id, users).await?;
        Ok(Entered { room, entrance, ranks })
    }

    /// What a client missed whose cursor the room's tail has left behind.
    pub async fn catch_up(
        &self,
        caller: Option<&Caller>,
        room: (RoomId, &RoomUid),
        cursor: Seq,
        recipient: Recipient,
    ) -> Result<CaughtUp, Error> {
        let (mut catch_up, mut need) = CatchUp::new(cursor, recipient, self.limits);
        loop {
            need = match need {
                Need::Events { since, limit } => {
                    catch_up.events(self.ports.events.event_range(room.0, since, limit).await?)
                }
                Need::Snapshot { limit } => catch_up.snapshot(self.ports.messages.snapshot(room.0, limit).await?),
                Need::Access { at_least } => catch_up.access(self.rooms.enter_at(caller, room.1, at_least).await?),
                Need::Tail | Need::Nothing => return catch_up.finish().ok_or(Error::NoSuch(Resource::Room)),
            };
        }
    }

    fn charge(&self, reader: &Reader<'_>, cost: ReadCost) -> Result<(), Error> {
        reader.charge(&*self.ports.limiter, cost)
    }
}
