//! What a request says: a body as JSON or as a form, and the query. Both fail as problems that name the field.
//!
//! Unknown fields are ignored, so that clients of a later version are understood. A body is read to its end before
//! anything is done, within a size and a time.

use crate::problem::{Code, Problem};
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, web};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, SeqAccess, Visitor};
use std::fmt;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

/// The largest body, in bytes.
pub const LARGEST: usize = 64 * 1024;

/// How long a body may take to arrive: a client that sends less than 7 kB/s is not sending a chat message.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The body of a request, as JSON or as a form.
pub struct Body<T>(pub T);

/// How a body is written.
#[derive(Clone, Copy)]
pub enum Format {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Body<T>, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let received = receive(request, payload);
        Box::pin(async move {
            let (format, bytes) = received.await?;
            parse(format, &bytes).map(Body)
        })
    }
}

/// The body of a request, whole.
pub fn receive(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<(Format, web::Bytes), Problem>> + use<> {
    let format = format(request);
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let payload = web::Payload::from_request(request, payload);
    async move {
        let format = format.ok_or_else(|| {
            let detail = "send the body as application/json or application/x-www-form-urlencoded";
            Problem::new(Code::MediaType, detail)
        })?;
        let payload = payload.await.map_err(|_| unreadable("the body could not be read"))?;
        let bytes = read(payload, declared.unwrap_or(0)).await?;
        Ok((format, bytes))
    }
}

/// A value from a body.
pub fn parse<T: DeserializeOwned>(format: Format, bytes: &[u8]) -> Result<T, Problem> {
    match format {
        Format::Json => json(bytes),
        Format::Form => form(bytes, "body"),
    }
}

fn format(request: &HttpRequest) -> Option<Format> {
    let value = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    if is("application/json") {
        Some(Format::Json)
    } else if is("application/x-www-form-urlencoded") {
        Some(Format::Form)
    } else {
        None
    }
}

async fn read(payload: web::Payload, declared: usize) -> Result<web::Bytes, Problem> {
    let too_large = || Problem::new(Code::TooLarge, format!("The body may have at most {LARGEST} bytes."));
    if declared > LARGEST {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIMEOUT, payload.to_bytes_limited(LARGEST)).await {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        Ok(Ok(Err(_))) => Err(unreadable("the body broke off, or its encoding is damaged")),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Problem::new(Code::TimeoutReached, "The body took too long to arrive.")),
    }
}

/// A value from a JSON object, which may begin with a byte order mark, as some editors and libraries write it.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    // A list would be taken for the fields in their order.
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(unreadable("the body must be a JSON object"));
    }
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut source).map_err(|error| {
        let field = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() { wrong(&field, &error.to_string()) } else { broken(&error) }
    })?;
    source.end().map_err(|error| broken(&error))?;
    Ok(value)
}

/// A value from names and values as forms and queries write them; `whole` is what it is called when no field is wrong.
fn form<T: DeserializeOwned>(bytes: &[u8], whole: &str) -> Result<T, Problem> {
    let source = serde_urlencoded::Deserializer::new(form_urlencoded::parse(bytes));
    serde_path_to_error::deserialize(source).map_err(|error| {
        let field = error.path().to_string();
        match wrong(&field, &error.into_inner().to_string()) {
            problem if problem.field.is_some() => problem,
            problem => unreadable(&format!("the {whole} could not be read: {}", problem.detail)),
        }
    })
}

fn broken(error: &serde_json::Error) -> Problem {
    unreadable(&format!("the body is no valid JSON: {error}"))
}

fn unreadable(detail: &str) -> Problem {
    Problem::new(Code::BadRequest, detail)
}

/// What a parser says of one field, without its place in the text.
fn wrong(path: &str, words: &str) -> Problem {
    let words = words.split(" at line ").next().unwrap_or_default();
    let quoted = |start: &str| words.strip_prefix(start).and_then(|rest| rest.split('`').next());
    if let Some(field) = quoted("missing field `") {
        return unreadable(&format!("{field} is missing")).field(field);
    }
    if let Some(field) = quoted("duplicate field `") {
        return unreadable(&format!("{field} is given twice")).field(field);
    }
    let words: String = words.chars().take(200).collect();
    if path.is_empty() || matches!(path, "." | "?") {
        return unreadable(&words);
    }
    unreadable(&format!("{path}: {words}")).field(path)
}

/// The query of a request.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Query<T>, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(form(request.query_string().as_bytes(), "query").map(Query))
    }
}

/// Reads a switch: `true`, `1`, `"true"`, `"1"`, and their opposites.
pub fn switch<'de, D: Deserializer<'de>>(source: D) -> Result<bool, D::Error> {
    match Scalar::deserialize(source)?.0.as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        other => Err(D::Error::custom(format_args!("{other} is neither true nor false"))),
    }
}

/// Reads a switch that may be left out.
pub fn switch_or_none<'de, D: Deserializer<'de>>(source: D) -> Result<Option<bool>, D::Error> {
    switch(source).map(Some)
}

/// Reads a text that may be written as a number, such as a duration in seconds.
pub fn text_or_number<'de, D: Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Scalar>::deserialize(source)?.map(|scalar| scalar.0))
}

/// Reads a text that `null` empties.
pub fn text_or_null<'de, D: Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    Ok(Some(Option::deserialize(source)?.unwrap_or_default()))
}

/// Reads a list of texts; in a form, by comma.
pub fn list<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Vec<String>>, D::Error> {
    struct List(PhantomData<()>);
    impl<'de> Visitor<'de> for List {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of texts")
        }

        fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<String>, A::Error> {
            let mut list = Vec::new();
            while let Some(text) = seq.next_element()? {
                list.push(text);
            }
            Ok(list)
        }
    }
    source.deserialize_any(List(PhantomData)).map(Some)
}

/// A text, number or truth value, as text.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Scalar, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a number")
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        source.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Sample {
        name: String,
        #[serde(alias = "slowMode")]
        slow_mode: Option<i64>,
        #[serde(default, deserialize_with = "switch")]
        guest: bool,
        #[serde(default, deserialize_with = "text_or_number")]
        duration: Option<String>,
        #[serde(default, deserialize_with = "text_or_null")]
        picture: Option<String>,
        #[serde(default, deserialize_with = "list")]
        roles: Option<Vec<String>>,
    }

    fn plain(name: &str) -> Sample {
        Sample { name: name.to_owned(), slow_mode: None, guest: false, duration: None, picture: None, roles: None }
    }

    fn from_form(text: &str) -> Result<Sample, Problem> {
        form(text.as_bytes(), "body")
    }

    #[test]
    fn json_and_forms_say_the_same() {
        let expected = Sample {
            slow_mode: Some(30),
            guest: true,
            duration: Some("600".to_owned()),
            picture: Some(String::new()),
            roles: Some(vec!["admin".to_owned(), "b".to_owned()]),
            ..plain("Ann Lee")
        };
        let text = r#" {"name":"Ann Lee","slowMode":30,"guest":1,"duration":600,"picture":null,
            "roles":["admin","b"],"more":[{}]}"#;
        assert_eq!(json::<Sample>(text.as_bytes()).unwrap(), expected);
        let text = "name=Ann+Lee&slow_mode=30&guest=true&duration=600&picture=&roles=admin,b&more=x";
        assert_eq!(from_form(text).unwrap(), expected);
        for guest in ["true", "1", "\"1\"", "\"true\""] {
            let text = format!(r#"{{"name":"","guest":{guest}}}"#);
            assert!(json::<Sample>(text.as_bytes()).unwrap().guest, "{guest}");
        }
        assert_eq!(json::<Sample>(br#"{"name":"x","duration":null}"#).unwrap(), plain("x"));
    }

    #[test]
    fn what_is_wrong_names_its_field() {
        for (text, field, words) in [
            (r#"{}"#, Some("name"), "missing"),
            (r#"{"name":5}"#, Some("name"), "string"),
            (r#"{"name":{"a":1}}"#, Some("name"), "string"),
            (r#"{"name":null}"#, Some("name"), "string"),
            (r#"{"name":"a","name":"b"}"#, Some("name"), "twice"),
            (r#"{"name":"a","slow_mode":"3"}"#, Some("slow_mode"), "i64"),
            (r#"{"name":"a","slow_mode":1e99}"#, Some("slow_mode"), "i64"),
            (r#"{"name":"a","guest":[]}"#, Some("guest"), "text or a number"),
            (r#"{"name":"a","roles":[1]}"#, Some("roles[0]"), "string"),
            (r#"{"name":"a""#, None, "JSON"),
            (r#"{"name":"a"} x"#, None, "JSON"),
            (r#"{"name":"\ud800"}"#, None, "JSON"),
            (r#"["a"]"#, None, "object"),
            ("", None, "object"),
            ("null", None, "object"),
        ] {
            let problem = json::<Sample>(text.as_bytes()).unwrap_err();
            assert_eq!((problem.code, problem.field.as_deref()), ("bad_request", field), "{text} {problem}");
            assert!(problem.detail.contains(words), "{text} {problem}");
        }
        for (text, field) in
            [("", Some("name")), ("name=a&slow_mode=x", Some("slow_mode")), ("name=a&name=b", Some("name"))]
        {
            let problem = from_form(text).unwrap_err();
            assert_eq!((problem.code, problem.field.as_deref()), ("bad_request", field), "{text} {problem}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_or_passed_over_and_never_recursed_into() {
        let deep = format!(r#"{{"name":{}"#, "[".repeat(60_000));
        assert_eq!(json::<Sample>(deep.as_bytes()).unwrap_err().code, "bad_request");
        let ignored = format!(r#"{{"name":"a","more":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
        let _ = json::<Sample>(ignored.as_bytes());
    }
}
