//! The web pages, embedded. In a debug build they are read from web/dist at each request instead.

use crate::app::App;
use crate::content_policy;
use crate::problem::{Code, Problem, method_not_allowed};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// Content codings that the build made beside each file, the smallest first, with the ending of its name.
const CODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// The script that makes the chat's frame on other sites' pages.
const LOADER: &str = "embed.js";

/// What `/` says when the binary was built without pages.
const PLACEHOLDER: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Banter</title>\
    <h1>Banter is running, without its pages</h1>\
    <p>This binary was built before the web pages were. Build both with <code>npx -y rust-just build</code>, \
    or only the pages with <code>npx -y rust-just web</code> and then the binary again.</p>\
    <p>The API is here all the same: <a href=\"openapi.json\">/openapi.json</a>.</p></html>";

/// Whatever is no route: a page, a file of a page, or nothing.
pub async fn serve(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let path = request.path();
    if path == "/docs/errors.html" {
        return match content_policy::of_page(&request, &app, "docs/errors.html").await {
            Ok(policy) => only_read(&request, || page(errors_page().into_bytes(), policy)),
            Err(_) => later(),
        };
    }
    if path == "/docs/errors.css" {
        return only_read(&request, || HttpResponse::Ok().content_type("text/css; charset=utf-8").body(ERRORS_STYLE));
    }
    let name =
        format!("{}{}", path.strip_prefix('/').unwrap_or(path), if path.ends_with('/') { "index.html" } else { "" });
    if let Some(file) = file(&name) {
        if !is_page(&file) {
            return only_read(&request, || answer(&request, &name, file, None));
        }
        return match content_policy::of_page(&request, &app, &name).await {
            Ok(policy) => only_read(&request, || answer(&request, &name, file, Some(policy))),
            Err(_) => later(),
        };
    }
    if file(&format!("{name}/index.html")).is_some() {
        // Relative, because a proxy may have taken the beginning of the path off.
        let folder = format!("./{}/", path.rsplit('/').next().unwrap_or_default());
        return HttpResponse::PermanentRedirect().insert_header((header::LOCATION, folder)).finish();
    }
    if path == "/" {
        return match content_policy::of_page(&request, &app, "").await {
            Ok(policy) => only_read(&request, || page(PLACEHOLDER.into(), policy)),
            Err(_) => later(),
        };
    }
    Problem::new(Code::NotFound, "There is nothing at this address.").error_response()
}

/// In place of a page while the store is away: holds nothing, so anybody may frame it, and asks again by itself.
fn later() -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors *"))
        .insert_header(("Refresh", "2"))
        .body(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Banter</title><p>One moment …</p></html>",
        )
}

fn is_page(file: &EmbeddedFile) -> bool {
    file.metadata.mimetype().starts_with("text/html")
}

/// A file of the pages. Names that climb or start anew name none: a debug build would look for them on the disk.
fn file(name: &str) -> Option<EmbeddedFile> {
    let plain = name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    plain.then(|| Dist::get(name)).flatten()
}

fn only_read(request: &HttpRequest, answer: impl FnOnce() -> HttpResponse) -> HttpResponse {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        answer()
    } else {
        method_not_allowed(request, &["GET"])
    }
}

fn answer(request: &HttpRequest, name: &str, file: EmbeddedFile, policy: Option<String>) -> HttpResponse {
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.contains(&etag));
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    let kind = file.metadata.mimetype();
    let is_page = policy.is_some();
    let cache = match name {
        // The build puts a hash of its content into the name of everything under assets/.
        name if name.starts_with("assets/") => "public, max-age=31536000, immutable",
        LOADER => "public, max-age=300",
        _ => "no-cache",
    };
    response.insert_header((header::ETAG, etag)).insert_header((header::CACHE_CONTROL, cache));
    response.insert_header((header::VARY, "Accept-Encoding"));
    if let Some(policy) = policy {
        response.insert_header((header::CONTENT_SECURITY_POLICY, policy));
    }
    if name == LOADER {
        // Pages of any site take it, those that are isolated from other origins too.
        response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
        response.insert_header((header::CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"));
    }
    if is_known {
        return response.finish();
    }
    response.content_type(if is_page { "text/html; charset=utf-8" } else { kind });
    let packed = CODINGS.into_iter().filter(|(coding, _)| accepts(request.headers(), coding));
    for (coding, ending) in packed {
        if let Some(packed) = Dist::get(&format!("{name}.{ending}")) {
            return response.insert_header((header::CONTENT_ENCODING, coding)).body(packed.data.into_owned());
        }
    }
    response.body(file.data.into_owned())
}

fn page(body: Vec<u8>, policy: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .body(body)
}

/// Whether the client takes this coding at all. Which it likes best is not asked: ours is the smallest that it takes.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|item| {
        let (name, weight) = item.trim().split_once(';').unwrap_or((item.trim(), ""));
        name.trim().eq_ignore_ascii_case(coding) && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The page that a problem's `type` leads to: one anchor for each code.
fn errors_page() -> String {
    let row = |code: &Code| {
        let (status, name, title) = code.row();
        format!("<tr id=\"{name}\"><td><a href=\"#{name}\">{name}</a></td><td>{status}</td><td>{title}</td></tr>\n")
    };
    let rows: String = Code::ALL.iter().map(row).collect();
    format!("{ERRORS_HEAD}{rows}</table>\n</html>\n")
}

const ERRORS_HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Banter: errors</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="errors.css">
<h1>Errors</h1>
<p>Every error is a problem: <code>type</code>, <code>title</code>, <code>status</code>, <code>detail</code> and
<code>code</code>. Rely on <code>code</code>; it never changes.</p>
<table>
<tr><th>Code</th><th>Status</th><th>Meaning</th></tr>
"#;

const ERRORS_STYLE: &str = "\
  :root { color-scheme: light dark }
  body { font: 16px/1.5 system-ui; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
  td, th { text-align: left; padding: .25rem 1rem .25rem 0; vertical-align: top }
  tr:target { background: #ff02 }
";

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn a_coding_is_used_when_it_is_accepted() {
        for (accepted, brotli, gzip) in [
            ("gzip", false, true),
            ("gzip, deflate, br, zstd", true, true),
            ("br;q=0.1, GZIP;q=0.5", true, true),
            ("gzip;q=0, br;q=0.0", false, false),
            ("brotli, x-gzip", false, false),
            ("", false, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!((accepts(&headers, "br"), accepts(&headers, "gzip")), (brotli, gzip), "{accepted}");
        }
    }

    #[test]
    fn the_page_of_errors_has_an_anchor_for_each_code() {
        let page = errors_page();
        for code in Code::ALL {
            assert!(page.contains(&format!("id=\"{}\"", code.row().1)), "{code:?}");
        }
    }
}
