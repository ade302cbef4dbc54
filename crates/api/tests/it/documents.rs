//! The documents say what the program does.

use api::cli::settings;
use api::limits::Caps;
use api::problem::Code;
use domain::model::time::Span;
use domain::ports::effects::Quota;
use std::fs;

fn document(name: &str) -> String {
    let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

/// The cells of a table's rows whose first is set as code.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    let cells = |line: &str| -> Vec<String> {
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().replace('`', "")).collect();
        // A row begins and ends with a bar.
        cells[1..cells.len() - 1].to_vec()
    };
    lines.map(cells).collect()
}

#[test]
fn the_table_of_errors_has_every_code_with_its_status_and_title() {
    let told: Vec<Vec<String>> = rows(&document("errors.md"));
    let known = Code::ALL.iter().map(|code| {
        let (status, name, title) = code.row();
        vec![name.to_owned(), status.to_string(), title.to_owned()]
    });
    assert_eq!(told.iter().map(|row| row[..3].to_vec()).collect::<Vec<_>>(), known.collect::<Vec<_>>());
    assert!(told.iter().all(|row| row.len() == 4 && !row[3].is_empty()));
}

#[test]
fn the_table_of_settings_has_every_setting_with_its_default() {
    let text = document("configuration.md");
    let told = rows(text.split("\n## ").next().unwrap());
    let told: Vec<_> = told.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let known = settings().filter(|arg| !arg.is_hide_set()).map(|arg| {
        let name = arg.get_env().unwrap().to_str().unwrap().to_owned();
        assert_eq!(arg.get_long().unwrap().to_uppercase().replace('-', "_"), name);
        let default = arg.get_default_values().first().map(|value| value.to_str().unwrap().to_owned());
        (name, default.unwrap_or_default())
    });
    assert_eq!(told, known.collect::<Vec<_>>());
}

#[test]
fn the_table_of_limits_has_every_limit_with_its_default_and_says_who_counts_it() {
    let text = document("configuration.md");
    let section = text.split("\n## Limits").nth(1).unwrap();
    let told: Vec<(String, String, String)> = rows(section.split("\n## ").next().unwrap())
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone(), row[3].clone()))
        .collect();
    let period = |span: Span| match span.as_millis() {
        ms if ms % 1000 == 0 => span.to_string(),
        ms => format!("{ms}ms"),
    };
    let counted = |shared| if shared { "over all nodes" } else { "by each node" }.to_owned();
    let rate = |quota: Quota| {
        let (burst, span) = quota.rate();
        (quota.as_str().to_owned(), format!("{burst}/{}", period(span)), counted(quota.is_shared()))
    };
    let caps = Caps::default();
    let sockets =
        [("sockets", caps.all), ("sockets-per-network", caps.per_network), ("sockets-per-user", caps.per_user)];
    let sockets = sockets.map(|(name, count)| (name.to_owned(), count.to_string(), counted(false)));
    assert_eq!(told, Quota::ALL.into_iter().map(rate).chain(sockets).collect::<Vec<_>>());
}

#[test]
fn the_server_takes_for_links_what_the_table_of_links_says() {
    let table: serde_json::Value = serde_json::from_str(&document("cases/links.json")).unwrap();
    let cases = table["cases"].as_array().unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        assert_eq!(domain::review::links::first(text), case["server"].as_str(), "{text}");
    }
}

#[test]
fn the_server_counts_characters_as_the_table_of_lengths_says() {
    let table: serde_json::Value = serde_json::from_str(&document("cases/lengths.json")).unwrap();
    let cases = table.as_array().unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        assert_eq!(domain::model::text::characters(text) as u64, case["characters"], "{text:?}");
    }
}
