//! The simulation of delivery, many times over. `SIM_SEEDS=10000` plays more seeds, `SIM_SEED=n` one with its trace, and
//! `SIM_KEEP=1,4,7` beside it only those of its steps.

use std::env;
use testkit::simulation::{Step, WIDE, play, shrink, story};

/// How many seeds are played unless somebody wants more.
const SEEDS: u64 = 300;

/// Seeds that found something once: one a line, with what it was.
const CORPUS: &str = include_str!("simulation.corpus");

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

#[track_caller]
fn check(seed: u64) {
    let steps = story(seed);
    if play(seed, &steps, false).failure.is_none() {
        return;
    }
    let kept = shrink(seed, steps.clone());
    let outcome = play(seed, &kept, true);
    let numbers: Vec<String> = places(&steps, &kept).iter().map(usize::to_string).collect();
    panic!(
        "seed {seed}: {}\n{}\nreplay: SIM_SEED={seed} SIM_KEEP={} cargo test -p testkit --test simulation",
        outcome.failure.unwrap_or_default(),
        outcome.trace.join("\n"),
        numbers.join(",")
    );
}

/// Where the kept steps stand among all.
fn places(all: &[Step], kept: &[Step]) -> Vec<usize> {
    let mut kept = kept.iter().peekable();
    (0..all.len()).filter(|at| kept.next_if(|step| **step == all[*at]).is_some()).collect()
}

#[test]
fn whatever_goes_wrong_everybody_has_the_log_in_the_end() {
    if let Some(seed) = number("SIM_SEED") {
        let all = story(seed);
        let keep = env::var("SIM_KEEP").ok();
        let keep: Option<Vec<usize>> = keep.map(|list| list.split(',').filter_map(|n| n.parse().ok()).collect());
        let is_kept = |at: &usize| keep.as_ref().is_none_or(|keep| keep.contains(at));
        let steps: Vec<Step> = (0..all.len()).filter(is_kept).map(|at| all[at]).collect();
        let outcome = play(seed, &steps, true);
        let told = outcome.trace.join("\n");
        println!("{told}");
        assert_eq!(outcome.failure, None, "seed {seed}");
        return;
    }
    (0..number("SIM_SEEDS").unwrap_or(SEEDS)).for_each(check);
}

#[test]
fn whatever_the_bus_between_five_nodes_does_everybody_has_the_log_in_the_end() {
    if number("SIM_SEED").is_none() {
        (WIDE..WIDE + number("SIM_SEEDS").unwrap_or(SEEDS)).for_each(check);
    }
}

#[test]
fn what_was_found_once_stays_mended() {
    for line in CORPUS.lines() {
        let seed = line.split('#').next().unwrap_or_default().trim();
        if !seed.is_empty() {
            check(seed.parse().unwrap_or_else(|_| panic!("no seed: {line}")));
        }
    }
}

#[test]
fn one_seed_tells_one_story() {
    for seed in 1..5 {
        let told = play(seed, &story(seed), true);
        assert!(told.trace.len() > 20, "{:?}", told.trace);
        assert_eq!(told, play(seed, &story(seed), true));
    }
}
