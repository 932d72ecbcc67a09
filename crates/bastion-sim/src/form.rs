//! Forms (`multipart/form-data`), as far as the simulated upstream reads them.
//!
//! It must never be used where a peer is not trusted: it takes what is well formed and no more.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) name: String,
    pub(crate) bytes: &'a [u8],
}

/// The parts of a body; none when it is no form, or not whole.
pub(crate) fn parts<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let parameters = content_type.strip_prefix("multipart/form-data")?;
    let boundary = parameter(parameters, "boundary")?;
    let mut rest = body.strip_prefix(format!("--{boundary}").as_bytes())?;
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let head = find(part, b"\r\n\r\n")?;
        let from = part.get(head.saturating_add(4)..)?;
        let end = find(from, delimiter.as_bytes())?;
        let name = named(std::str::from_utf8(part.get(..head)?).ok()?)?;
        parts.push(Part { name, bytes: from.get(..end)? });
        rest = from.get(end.saturating_add(delimiter.len())..)?;
    }
    rest.starts_with(b"--").then_some(parts)
}

/// The text of a part.
pub(crate) fn text<'a>(parts: &[Part<'a>], name: &str) -> Option<&'a str> {
    let part = parts.iter().find(|part| part.name == name)?;
    std::str::from_utf8(part.bytes).ok()
}

fn named(head: &str) -> Option<String> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"))?;
    let parameters = value.trim().strip_prefix("form-data")?;
    parameter(parameters, "name").map(str::to_owned)
}

/// The value of a parameter; quotes around it fall.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = parameters.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.trim_matches('"'))
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let first = part.first()?;
    let mut from = 0_usize;
    loop {
        let rest = bytes.get(from..)?;
        let at = from.saturating_add(rest.iter().position(|byte| byte == first)?);
        if bytes.get(at..)?.starts_with(part) {
            return Some(at);
        }
        from = at.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        headers
    }

    #[test]
    fn a_form_is_read_part_by_part() {
        let form = headers("multipart/form-data; boundary=\"x y\"");
        let body = b"--x y\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--x y\r\n\
                     content-type: audio/wav\r\ncontent-disposition: form-data; name=\"file\"; \
                     filename=\"a\"\r\n\r\n\r\n--x\r\n\r\n--x y--\r\n";
        let parts = parts(&form, body).unwrap();
        assert_eq!(text(&parts, "model"), Some("m"));
        assert_eq!(text(&parts, "file"), Some("\r\n--x\r\n"));
        assert_eq!(text(&parts, "other"), None);
    }

    #[test]
    fn what_is_no_form_or_not_whole_has_no_parts() {
        let whole: &[u8] = b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--x--";
        let form = headers("multipart/form-data; boundary=x");
        assert_eq!(parts(&form, whole).map(|parts| parts.len()), Some(1));
        assert_eq!(parts(&form, &whole[..whole.len() - 2]), None);
        assert_eq!(parts(&form, &whole[..10]), None);
        assert_eq!(parts(&form, b""), None);
        assert_eq!(parts(&headers("application/json"), whole), None);
        assert_eq!(parts(&headers("multipart/form-data"), whole), None);
        assert_eq!(parts(&HeaderMap::new(), whole), None);
    }
}
