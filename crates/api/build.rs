//! Tells cargo when the embedded web pages change: rust-embed does not watch files that were not there at the last build.

use std::path::Path;

fn main() {
    // A path that is missing would make every build start over, so a clone without built pages watches their folder.
    let dist = "../../web/dist";
    let watched = if Path::new(dist).exists() { dist } else { "../../web" };
    println!("cargo:rerun-if-changed={watched}");
    println!("cargo:rerun-if-changed=build.rs");
}
