//! `embed_migrations!` does not watch the folder it reads.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
