//! What is offered is what is done: the words a window is told agree with what the services allow.

mod support;

use domain::capability::Capability;
use domain::model::event::ModerationAction;
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::service::rooms::RoomEdit;
use support::{World, seconds};

#[tokio::test]
async fn what_is_offered_is_what_each_rank_may_do() {
    let world = World::new();
    let owner = world.person("ann").await;
    let room = world.room(&owner).await;
    for (rank, caller) in world.ranks(&owner, &room).await {
        let told = world.services.rooms.abilities(Some(&caller), &room).await.unwrap();
        assert_eq!(told.member.as_ref().map(|member| member.rank()), Some(rank));
        let offers = |capability| told.capabilities.contains(&capability);
        assert!(offers(Capability::Post) && offers(Capability::Rename), "{rank:?}");
        let log = world.services.moderation.log(&caller, &room, None, None, 1).await;
        assert_eq!((offers(Capability::SeeLog), offers(Capability::SeeBans)), (log.is_ok(), log.is_ok()), "{rank:?}");
        let edit = RoomEdit { description: Some(format!("by {rank:?}")), ..RoomEdit::default() };
        let edited = world.services.rooms.configure(&caller, &room, edit).await;
        assert_eq!(offers(Capability::Settings), edited.is_ok(), "{rank:?}");
        let slow = RoomEdit { slow_mode: Some(0), ..RoomEdit::default() };
        let slowed = world.services.rooms.configure(&caller, &room, slow).await;
        assert_eq!(offers(Capability::Slow), slowed.is_ok(), "{rank:?}");
        let cleared = world.services.moderation.purge(&caller, &room, None).await;
        assert_eq!(offers(Capability::Clear), cleared.is_ok(), "{rank:?}");
        assert_eq!(offers(Capability::DeleteRoom), offers(Capability::Appoint), "{rank:?}");
    }
    let nobody = world.services.rooms.abilities(None, &room).await.unwrap();
    assert_eq!((nobody.member, nobody.capabilities), (None, Vec::new()));
}

#[tokio::test]
async fn a_timeout_takes_the_writing_and_a_ban_takes_all() {
    let world = World::new();
    let owner = world.person("ann").await;
    let room = world.room(&owner).await;
    let keeper = world.appointed(&owner, &room, "keeper", ModerationAction::Mod).await;
    let root = world.ranked("ruth", Rank::Root).await;
    let words = async || world.services.rooms.abilities(Some(&keeper), &room).await.unwrap().capabilities;
    let before = words().await;

    world.sanction(&owner, Some(&room), &keeper, SanctionKind::Timeout, seconds(60)).await.unwrap();
    let silenced = words().await;
    for gone in [Capability::Post, Capability::Slow, Capability::Pin] {
        assert!(!silenced.contains(&gone), "{gone:?}");
    }
    assert!(silenced.contains(&Capability::Rename) && silenced.contains(&Capability::Ban));
    world.lift(&owner, Some(&room), &keeper).await.unwrap();
    assert_eq!(words().await, before);

    world.sanction(&root, None, &keeper, SanctionKind::Timeout, seconds(60)).await.unwrap();
    assert!(!words().await.contains(&Capability::Rename), "whoever is silenced everywhere does not write by renaming");
    world.lift(&root, None, &keeper).await.unwrap();
    world.ban(&owner, Some(&room), &keeper).await;
    assert_eq!(words().await, []);
}
