//! Rooms and their ranks in memory.

use super::{MemoryStore, RoomLog, folded};
use async_trait::async_trait;
use domain::model::id::{RoomId, RoomUid, SanctionId, UserId};
use domain::model::rank::Rank;
use domain::model::room::{NewRoom, Room, Rules};
use domain::model::sanction::Sanction;
use domain::model::time::Timestamp;
use domain::model::user::Member;
use domain::ports::store::{RoomStore, StoreError};
use std::cmp::Reverse;
use std::collections::BTreeSet;

#[async_trait]
impl RoomStore for MemoryStore {
    async fn create(&self, new: NewRoom) -> Result<Room, StoreError> {
        let mut state = self.state();
        let room = Room {
            id: RoomId(state.next_id()),
            uid: new.uid,
            name: new.name,
            description: new.description,
            owner: new.owner,
            rules: Rules::default(),
            frame_ancestors: Vec::new(),
            site: new.site,
            pinned: None,
            created_at: new.created_at,
        };
        let mut log = RoomLog::new(new.epoch);
        log.ranks.insert(new.owner, Rank::Owner);
        state.logs.insert(room.id, log);
        state.rooms.insert(room.id, room.clone());
        Ok(room)
    }

    async fn room(&self, uid: &RoomUid) -> Result<Option<Room>, StoreError> {
        let state = self.state();
        state.rooms.values().find(|room| room.uid == *uid).map(|room| state.shown_room(room)).transpose()
    }

    async fn room_by_id(&self, id: RoomId) -> Result<Option<Room>, StoreError> {
        let state = self.state();
        state.rooms.get(&id).map(|room| state.shown_room(room)).transpose()
    }

    async fn list(&self, owner: Option<UserId>, after: RoomId, limit: usize) -> Result<Vec<Room>, StoreError> {
        let state = self.state();
        let wanted = state.rooms.values().filter(|room| room.id > after && owner.is_none_or(|o| o == room.owner));
        wanted.take(limit).map(|room| state.shown_room(room)).collect()
    }

    async fn appointed(&self, room: RoomId) -> Result<Vec<Member>, StoreError> {
        let state = self.state();
        let Some(log) = state.logs.get(&room) else { return Ok(Vec::new()) };
        let mut members: Vec<Member> =
            log.ranks.keys().filter_map(|id| Some(state.member(room, state.live(*id)?.clone()))).collect();
        members.sort_by_key(|m| (Reverse(m.room_rank), folded(m.user.display_name.as_str()), m.user.id));
        Ok(members)
    }

    async fn members(&self, room: RoomId, users: &[UserId]) -> Result<Vec<Member>, StoreError> {
        let state = self.state();
        let users: BTreeSet<UserId> = users.iter().copied().collect();
        Ok(users.into_iter().filter_map(|id| Some(state.member(room, state.live(id)?.clone()))).collect())
    }

    async fn unused_rooms_of_guests(
        &self,
        made_before: Timestamp,
        after: RoomId,
        limit: usize,
    ) -> Result<Vec<Room>, StoreError> {
        let state = self.state();
        let is_it = |room: &&Room| {
            room.id > after
                && room.created_at < made_before
                && state.live(room.owner).is_some_and(|owner| owner.rank == Rank::Guest)
                && state.logs.get(&room.id).is_some_and(|log| log.messages.is_empty())
        };
        state.rooms.values().filter(is_it).take(limit).map(|room| state.shown_room(room)).collect()
    }

    async fn forget_sanctions(&self, over_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut state = self.state();
        let is_over = |s: &&Sanction| s.ends_at.is_some_and(|end| end < over_before);
        let over: Vec<SanctionId> = state.sanctions.iter().filter(is_over).take(limit).map(|s| s.id).collect();
        state.sanctions.retain(|s| !over.contains(&s.id));
        Ok(over.len())
    }
}
