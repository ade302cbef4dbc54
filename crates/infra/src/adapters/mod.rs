//! Time, chance, passwords, tokens, addresses, quotas, and the bus of one process or of several.

pub mod bus;
pub mod clock;
pub mod geography;
pub mod ids;
pub mod limiter;
pub mod nats;
pub mod network;
pub mod passwords;
pub mod public_key;
pub mod secret;
pub mod site_tokens;
pub mod tokens;
