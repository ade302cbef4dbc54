//! Ports that fail or wait when a test says so.
