//! How long and how large what is sent may be, for the document of the API: from the constants of the domain that parse it.
//!
//! The document counts code points. The server counts characters as a reader does, so that it takes some longer texts, and
//! commands of any length; of passwords and nonces it counts bytes.

use domain::model::name::{DisplayName, Username};
use domain::model::room::{LINES_MAX, SLOW_MODE_MAX};
use domain::model::text::{Body, Description, KeyName, Nonce, Password, Reason, RoomName, SiteName};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Components, Object, Schema};

/// What a property may hold.
enum Bound {
    /// So many characters at least and at most, and a regular expression that it matches.
    Text(usize, usize, Option<&'static str>),
    /// A number from one to the other.
    Number(usize, usize),
}

/// What shows something.
const VISIBLE: Option<&str> = Some(r"\S");

/// Schema, property, bound.
fn bounds() -> [(&'static str, &'static str, Bound); 21] {
    let slow_mode = usize::try_from(SLOW_MODE_MAX.as_seconds_up()).unwrap_or(usize::MAX);
    let username = || Bound::Text(Username::MIN, Username::MAX, Some("^[A-Za-z0-9_-]+$"));
    let password = || Bound::Text(Password::MIN, Password::MAX, None);
    let room_name = || Bound::Text(1, RoomName::MAX, VISIBLE);
    [
        ("Credentials", "username", username()),
        ("Credentials", "password", password()),
        ("UserChanges", "display_name", Bound::Text(1, DisplayName::MAX, VISIBLE)),
        ("UserChanges", "password", password()),
        ("NewRoom", "name", room_name()),
        ("NewRoom", "description", Bound::Text(0, Description::MAX, None)),
        ("RoomChanges", "name", room_name()),
        ("RoomChanges", "description", Bound::Text(0, Description::MAX, None)),
        ("RoomChanges", "slow_mode", Bound::Number(0, slow_mode)),
        ("RoomChanges", "max_length", Bound::Number(1, Body::MAX)),
        ("RoomChanges", "max_lines", Bound::Number(1, LINES_MAX)),
        ("RuleChanges", "max_length", Bound::Number(1, Body::MAX)),
        ("RuleChanges", "max_lines", Bound::Number(1, LINES_MAX)),
        ("NewSite", "name", Bound::Text(1, SiteName::MAX, VISIBLE)),
        ("SiteChanges", "name", Bound::Text(1, SiteName::MAX, VISIBLE)),
        ("NewKey", "name", Bound::Text(0, KeyName::MAX, None)),
        ("NewMessage", "message", Bound::Text(1, Body::MAX, VISIBLE)),
        ("NewMessage", "nonce", Bound::Text(1, Nonce::MAX, None)),
        ("OneOfMany", "message", Bound::Text(1, Body::MAX, VISIBLE)),
        ("OneOfMany", "nonce", Bound::Text(1, Nonce::MAX, None)),
        ("NewBan", "reason", Bound::Text(0, Reason::MAX, None)),
    ]
}

/// Writes the bounds into the schemas.
pub fn write(components: &mut Components) {
    for (schema, property, bound) in bounds() {
        if let Some(object) = property_of(components, schema, property) {
            match bound {
                Bound::Text(least, most, pattern) => {
                    object.min_length = Some(least).filter(|least| *least > 0);
                    object.max_length = Some(most);
                    object.pattern = pattern.map(str::to_owned);
                }
                Bound::Number(least, most) => {
                    object.minimum = Some(least.into());
                    object.maximum = Some(most.into());
                }
            }
        }
    }
}

fn property_of<'c>(components: &'c mut Components, schema: &str, property: &str) -> Option<&'c mut Object> {
    let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(schema) else { return None };
    match object.properties.get_mut(property) {
        Some(RefOr::T(Schema::Object(property))) => Some(property),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_is_of_a_property_that_there_is() {
        let mut components = crate::http::openapi::document().components.unwrap();
        for (schema, property, _) in bounds() {
            assert!(property_of(&mut components, schema, property).is_some(), "{schema}.{property}");
        }
    }
}
