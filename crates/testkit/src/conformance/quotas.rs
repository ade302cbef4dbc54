//! Quotas that all nodes share: buckets that give no more than they hold, whoever asks.

use super::Subject;
use super::races::race;
use crate::builders::{NOON, later};
use domain::bucket::Rate;
use domain::model::time::{Span, Timestamp};
use domain::ports::effects::{Charge, Quota};

/// Three at once, then one every ten seconds.
fn slow() -> Rate {
    Rate::new(3, Span::seconds(10), 1)
}

fn guest(key: &str) -> Charge<'_> {
    Charge::one(Quota::Guest, key)
}

impl Subject {
    async fn charge(&self, charges: &[Charge<'_>], at: Timestamp) -> Result<(), Span> {
        let charges: Vec<_> = charges.iter().map(|charge| (*charge, slow())).collect();
        self.quotas.charge(&charges, at).await.expect("a store that works")
    }
}

/// As many as it holds at once, then as it fills, and a refusal says when.
pub async fn a_bucket_gives_its_burst_and_then_its_rate(subject: Subject) {
    let charge = async |seconds| subject.charge(&[guest("net")], later(seconds)).await;
    for _ in 0..3 {
        assert_eq!(charge(0).await, Ok(()));
    }
    assert_eq!(charge(0).await, Err(Span::seconds(10)));
    assert_eq!(charge(4).await, Err(Span::seconds(6)), "a refusal delays nobody");
    assert_eq!(charge(10).await, Ok(()));
    assert_eq!(charge(10).await, Err(Span::seconds(10)));
    for _ in 0..3 {
        assert_eq!(charge(1000).await, Ok(()));
    }
    assert_eq!(charge(1000).await, Err(Span::seconds(10)), "it never holds more");
}

/// What one used up is not missing from any other.
pub async fn buckets_of_other_quotas_keys_and_allowances_are_others(subject: Subject) {
    for bucket in [
        guest("net"),
        guest("Net"),
        guest(""),
        guest("net 2"),
        Charge { allowance: 2, ..guest("net") },
        Charge::one(Quota::Register, "net"),
        Charge::one(Quota::GuestOfServer, ""),
        guest("näme 🦊"),
    ] {
        for _ in 0..3 {
            assert_eq!(subject.charge(&[bucket], NOON).await, Ok(()), "{bucket:?}");
        }
        assert!(subject.charge(&[bucket], NOON).await.is_err(), "{bucket:?}");
    }
}

/// All or none, whichever of them is empty; the longest wait is the answer.
pub async fn a_refused_charge_takes_nothing_from_any_bucket(subject: Subject) {
    let (net, server, fresh) = (guest("net"), Charge::one(Quota::GuestOfServer, ""), guest("another"));
    assert_eq!(subject.charge(&[], NOON).await, Ok(()));
    for second in [0, 0, 5] {
        assert_eq!(subject.charge(&[net, server], later(second)).await, Ok(()));
    }
    for charges in [[net, server, fresh], [fresh, server, net]] {
        assert_eq!(subject.charge(&charges, later(5)).await, Err(Span::seconds(5)));
    }
    assert_eq!(subject.charge(&[server], later(10)).await, Ok(()));
    assert_eq!(subject.charge(&[net, server, fresh], later(12)).await, Err(Span::seconds(8)), "of {server:?}");
    assert_eq!(subject.charge(&[net], later(12)).await, Ok(()));
    for _ in 0..3 {
        assert_eq!(subject.charge(&[fresh], later(12)).await, Ok(()), "it was full all the time");
    }
}

/// An amount is taken whole; more than the bucket holds is the whole bucket.
pub async fn what_costs_more_takes_more(subject: Subject) {
    let charge = async |amount, at| subject.charge(&[Charge { amount, ..guest("net") }], at).await;
    assert_eq!(charge(2, NOON).await, Ok(()));
    assert_eq!(charge(2, NOON).await, Err(Span::seconds(10)));
    assert_eq!(charge(1, NOON).await, Ok(()));
    assert_eq!(charge(0, NOON).await, Ok(()));
    assert_eq!(charge(1000, later(29)).await, Err(Span::seconds(1)));
    assert_eq!(charge(1000, later(30)).await, Ok(()));
}

/// A node whose clock was wrong keeps nobody out for longer than an empty bucket does.
pub async fn a_clock_that_was_wrong_leaves_an_empty_bucket(subject: Subject) {
    let net = guest("net");
    assert_eq!(subject.charge(&[net], NOON + Span::days(400)).await, Ok(()));
    assert_eq!(subject.charge(&[net, guest("fresh")], NOON).await, Err(Span::seconds(10)));
    assert_eq!(subject.charge(&[net], later(9)).await, Err(Span::seconds(1)));
    assert_eq!(subject.charge(&[net], later(10)).await, Ok(()));
}

/// Only those that were full before are forgotten, and no call looks at more than it was told to.
pub async fn full_buckets_are_forgotten_a_few_at_a_time(subject: Subject) {
    let keys: Vec<String> = (0..5).map(|number| format!("net {number}")).collect();
    for key in &keys {
        subject.charge(&[guest(key)], NOON).await.unwrap();
    }
    subject.charge(&[Charge { amount: 3, ..guest("busy") }], NOON).await.unwrap();
    // Each call's number, and how many calls it took.
    let sweep = async |full_before| {
        let (mut forgotten, mut after) = (Vec::new(), Some(String::new()));
        while let Some(from) = after {
            let (some, next) = subject.quotas.forget_full(full_before, &from, 2).await.unwrap();
            assert!(some <= 2 && next.as_ref().is_none_or(|next| *next > from), "{some} {next:?}");
            forgotten.push(some);
            after = next;
        }
        (forgotten.iter().sum::<usize>(), forgotten.len())
    };
    assert_eq!(sweep(later(10)).await, (0, 4), "full at this instant, not before");
    assert_eq!(sweep(later(11)).await.0, 5);
    assert_eq!(sweep(later(11)).await, (0, 1));
    assert!(subject.charge(&[guest("busy")], NOON).await.is_err(), "it is not full yet");
    assert_eq!(sweep(later(31)).await, (1, 1));
}

/// Whoever comes to a forgotten bucket finds what they would have found.
pub async fn a_forgotten_bucket_is_full(subject: Subject) {
    subject.charge(&[Charge { amount: 3, ..guest("net") }], NOON).await.unwrap();
    assert_eq!(subject.quotas.forget_full(later(31), "", 10).await.unwrap(), (1, None));
    assert_eq!(subject.charge(&[Charge { amount: 3, ..guest("net") }], later(31)).await, Ok(()));
    assert!(subject.charge(&[guest("net")], later(31)).await.is_err());
}

/// Fifty at once into a bucket that nobody charged before, and again when it has filled: what it holds passes.
pub async fn charges_at_once_pass_as_often_as_the_bucket_holds(subject: Subject) {
    let rate = Rate::new(20, Span::seconds(10), 1);
    for at in [NOON, later(200)] {
        let answers = race(50, |_| {
            let quotas = subject.quotas.clone();
            async move { quotas.charge(&[(guest("net"), rate)], at).await.unwrap() }
        })
        .await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 20, "{answers:?}");
        assert!(answers.iter().all(|answer| answer.is_ok() || *answer == Err(Span::seconds(10))), "{answers:?}");
    }
}

/// Buckets that are named in different orders hold nobody up: everybody is answered, and as many pass as may.
pub async fn charges_of_the_same_buckets_at_once_pass_in_any_order(subject: Subject) {
    let keys: Vec<String> = (0..20).map(|number| format!("net {number}")).collect();
    // Each holds more than the one before.
    let rate = |number: u32| Rate::new(25 + number, Span::seconds(10), 1);
    let answers = race(50, |runner| {
        let (quotas, keys) = (subject.quotas.clone(), keys.clone());
        async move {
            let mut charges: Vec<_> = (0..).zip(&keys).map(|(number, key)| (guest(key), rate(number))).collect();
            if runner % 2 == 0 {
                charges.reverse();
            }
            quotas.charge(&charges, NOON).await.unwrap()
        }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 25, "{answers:?}");
    let charge = async |key, amount| {
        let charge = Charge { amount, ..guest(key) };
        subject.quotas.charge(&[(charge, rate(25))], NOON).await.unwrap()
    };
    for key in &keys {
        // A bucket of fifty of which half was taken.
        assert_eq!((charge(key, 26).await, charge(key, 25).await), (Err(Span::seconds(10)), Ok(())), "{key}");
    }
}

/// A bucket that is forgotten while it is charged has been charged, or was full before.
pub async fn forgetting_loses_no_charge(subject: Subject) {
    for round in 0..10 {
        // Full again since the round before, so that it may be forgotten at any moment.
        let at = later(100 * round);
        let answers = race(8, |runner| {
            let quotas = subject.quotas.clone();
            async move {
                if runner % 2 == 0 {
                    quotas.forget_full(at, "", 10).await.unwrap();
                    return None;
                }
                Some(quotas.charge(&[(guest("net"), slow())], at).await.unwrap())
            }
        })
        .await;
        let passed = answers.iter().flatten().filter(|answer| answer.is_ok()).count();
        assert_eq!(passed, 3, "round {round}: {answers:?}");
    }
}
