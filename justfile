# Banter's tasks. Needed: Rust, Node 20.19 or newer, a C compiler, make and perl. Longer ones are in scripts/.

# list the recipes
_list:
    @{{ just_executable() }} --list --unsorted

# build everything and start Banter on http://localhost:8080, with SQLite under ./data
run *FLAGS: web
    exec cargo run --release --locked --bin banter -- serve {{ FLAGS }}

# run every test: web, Rust on all three stores, browser
test:
    exec scripts/test

# serve the web pages with live reload beside a debug server
dev: _packages
    trap 'kill $!' INT TERM EXIT; npm --prefix web run dev & cargo run --locked --bin banter

# check format, clippy, rustdoc, web types and Biome's rules; warnings are errors
lint: _packages
    cargo fmt --check && cargo clippy --workspace --all-targets --locked -- -D warnings && RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked && npm --prefix web run check && npm --prefix web run lint

# measure a release build and write docs/performance.md, in about five minutes on a quiet machine
bench:
    exec scripts/bench

# build the web pages and the release binary, target/release/banter
build: web
    cargo build --release --locked --bin banter

# build the web pages into web/dist
web: _packages
    npm --prefix web run build

# install the web packages unless they are current
_packages:
    scripts/web-packages
