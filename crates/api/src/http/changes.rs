//! The body of a PATCH. An unknown field is ignored elsewhere; here it would say 200 and change nothing, so that whoever sent
//! it believes what is not so: a body that names no known field is refused, and a misspelt one is named.

use crate::http::body::{self, Format};
use crate::problem::{Code, Problem};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::pin::Pin;

/// Which fields a PATCH has, in `snake_case`; those of an object within it as `object.field`.
pub trait Fields {
    /// All of them.
    const FIELDS: &'static [&'static str];
}

/// The body of a PATCH, as JSON or as a form, with at least one known field.
pub struct Changes<T>(pub T);

impl<T: DeserializeOwned + Fields + 'static> FromRequest for Changes<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Changes<T>, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let received = body::receive(request, payload);
        Box::pin(async move {
            let (format, bytes) = received.await?;
            let value = body::parse(format, &bytes)?;
            check(T::FIELDS, &names(format, &bytes))?;
            Ok(Changes(value))
        })
    }
}

/// The fields that a body names, in `snake_case`.
fn names(format: Format, bytes: &[u8]) -> Vec<String> {
    match format {
        Format::Form => form_urlencoded::parse(bytes).map(|(name, _)| snake_case(&name)).collect(),
        Format::Json => {
            let object: Map<String, Value> = body::json(bytes).unwrap_or_default();
            let mut names = Vec::new();
            for (name, value) in &object {
                let name = snake_case(name);
                match value {
                    Value::Object(inner) => {
                        names.extend(inner.keys().map(|field| format!("{name}.{}", snake_case(field))));
                    }
                    _ => names.push(name),
                }
            }
            names
        }
    }
}

/// `displayName` as `display_name`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars().take(64) {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// How many letters may be wrong in a name that is taken for a slip; a short name is another word.
fn slips(name: &str) -> usize {
    if name.chars().count() < 5 { 1 } else { 2 }
}

fn check(fields: &[&str], names: &[String]) -> Result<(), Problem> {
    let unknown = || names.iter().filter(|name| !fields.contains(&name.as_str()));
    let meant = unknown().find_map(|name| {
        let near = |field: &&&str| strsim::damerau_levenshtein(name, field) <= slips(field);
        fields.iter().find(near).map(|field| (name, *field))
    });
    if let Some((name, field)) = meant {
        let detail = format!("There is no field {name}. Did you mean {field}?");
        return Err(Problem::new(Code::BadRequest, detail).field(name));
    }
    if names.iter().any(|name| fields.contains(&name.as_str())) {
        return Ok(());
    }
    let detail = format!("Nothing to change. The fields are {}.", fields.join(", "));
    Err(Problem::new(Code::BadRequest, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[&str] = &["display_name", "roles", "rules.links"];

    #[track_caller]
    fn told(body: &str, expected: Result<(), &str>) {
        match (check(FIELDS, &names(Format::Json, body.as_bytes())), expected) {
            (Ok(()), Ok(())) => {}
            (Err(problem), Err(part)) => assert!(problem.detail.contains(part), "{body}: {}", problem.detail),
            (got, _) => panic!("{body} gave {:?}", got.map_err(|problem| problem.detail)),
        }
    }

    #[test]
    fn a_known_field_is_needed_and_a_misspelt_one_is_named() {
        for (body, expected) in [
            (r#"{"display_name": "x"}"#, Ok(())),
            (r#"{"displayName": "x", "future": 1}"#, Ok(())),
            (r#"{"rules": {"links": true}}"#, Ok(())),
            ("{}", Err("The fields are display_name, roles, rules.links")),
            (r#"{"rules": {}}"#, Err("Nothing to change")),
            (r#"{"colour": "red"}"#, Err("Nothing to change")),
            (r#"{"role": "admin"}"#, Err("Did you mean roles?")),
            (r#"{"dispaly_name": "x"}"#, Err("Did you mean display_name?")),
            (r#"{"roles": [], "display_nmae": "x"}"#, Err("Did you mean display_name?")),
            (r#"{"rules": {"link": true}}"#, Err("Did you mean rules.links?")),
        ] {
            told(body, expected);
        }
    }
}
