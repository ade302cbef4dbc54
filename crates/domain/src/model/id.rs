//! Identities: numbers inside, short random names outside.

use std::fmt;

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

number! {
    /// A user's row. Never shown outside: the public name is [`UserUid`].
    UserId,
    /// A room's row. [`RoomId::SERVER`] is no room but the server's own log.
    RoomId,
    /// A message. Public, below 2^53, so that it survives a JavaScript number.
    MessageId,
    /// A ban or timeout.
    SanctionId,
    /// A login that can be revoked.
    SessionId,
    /// A site's row. The public name is [`SiteUid`].
    SiteId,
    /// A row of a site's key. The public name is [`crate::model::site_key::Kid`].
    SiteKeyId,
    /// An event's place in its room's log: 1, 2, 3 … without gaps. 0 is "before everything".
    Seq,
    /// Changes when a room's history was rewound, so that a number may name another event than it did.
    Epoch,
}

impl RoomId {
    /// The log of what concerns every room: global bans and their end.
    pub const SERVER: RoomId = RoomId(0);
}

impl Seq {
    /// The place before the first event.
    pub const ZERO: Seq = Seq(0);

    /// The place after this one.
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

macro_rules! uid {
    ($($(#[$doc:meta])* $name:ident, $length:literal);+ $(;)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// How many characters of `[A-Za-z0-9]` it has.
            pub const LENGTH: usize = $length;

            /// Takes a uid as it came from outside; `None` when it cannot be one.
            pub fn parse(text: &str) -> Option<Self> {
                let bytes: [u8; $length] = text.as_bytes().try_into().ok()?;
                bytes.iter().all(u8::is_ascii_alphanumeric).then_some(Self(bytes))
            }

            pub fn as_str(&self) -> &str {
                // Letters and digits always are UTF-8.
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

uid! {
    /// A user's public name for machines.
    UserUid, 10;
    /// A room's public name for machines.
    RoomUid, 12;
    /// A site's public name for machines.
    SiteUid, 8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_has_its_exact_length_and_only_letters_and_digits() {
        assert!(UserUid::parse("abcDEF0123").is_some());
        for bad in ["", "abcDEF012", "abcDEF01234", "abcDEF012-", "abcDEF012é"] {
            assert!(UserUid::parse(bad).is_none(), "{bad}");
        }
        assert!(RoomUid::parse("abcDEF012345").is_some());
    }
}
