//! docs/protocol.md and docs/moderation.md say what the code does.

use api::realtime::protocol::{Close, Envelope};
use domain::command::catalogue::CATALOGUE;
use serde_json::Value;
use std::collections::BTreeSet;

const PROTOCOL: &str = include_str!("../../../../docs/protocol.md");
const MODERATION: &str = include_str!("../../../../docs/moderation.md");

/// The examples of one side, as they stand in the document.
fn examples(side: &str) -> Vec<&'static str> {
    let opening = format!("```json {side}\n");
    PROTOCOL.split(opening.as_str()).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

#[test]
fn every_example_of_a_client_is_understood() {
    let mut events = BTreeSet::new();
    for text in examples("client") {
        let envelope = Envelope::parse(text).unwrap_or_else(|(_, problem)| panic!("{text}: {problem}"));
        events.insert(envelope.event.clone());
        envelope.request().unwrap_or_else(|problem| panic!("{text}: {problem}"));
    }
    let all = ["join", "leave", "login", "logout", "pong", "sendMessage"];
    assert_eq!(events.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

/// The frames that the server's own code makes have the fields of the document's examples, and no others.
#[test]
fn every_example_of_the_server_has_the_fields_that_the_server_sends() {
    let mut shown: Vec<Value> = examples("server").iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    for made in crate::protocol_samples::all() {
        let at = shown.iter().position(|frame| frame["event"] == made["event"]);
        let example = shown.remove(at.unwrap_or_else(|| panic!("{} is not in the document", made["event"])));
        assert_eq!(fields(&example), fields(&made), "{}", made["event"]);
    }
    assert!(shown.is_empty(), "the server never sends {shown:?}");
}

fn fields(value: &Value) -> BTreeSet<String> {
    fn gather(path: &str, value: &Value, into: &mut BTreeSet<String>) {
        for (name, inner) in value.as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            into.insert(path.clone());
            gather(&path, inner, into);
        }
    }
    let mut into = BTreeSet::new();
    gather("", value, &mut into);
    into
}

#[test]
fn every_close_code_is_explained() {
    for close in Close::ALL {
        let (code, _) = close.row();
        assert!(PROTOCOL.contains(&format!("\n| {code} |")), "{code}");
    }
}

#[test]
fn every_command_is_listed_as_the_catalogue_has_it() {
    let rows: Vec<&str> = MODERATION.lines().filter(|line| line.starts_with("| `/")).collect();
    let expected: Vec<String> = CATALOGUE
        .iter()
        .map(|entry| format!("| `{}` | {} | {} |", entry.usage.replace('|', "\\|"), entry.least().as_str(), entry.help))
        .collect();
    assert_eq!(rows, expected);
}
