//! Multipart forms where another program's rules hold: read if they are written as browsers write
//! them, so that everybody finds the same in them.
//!
//! Parsers differ in what they make of the rest: of bare line ends, of text around the parts, of
//! `NAME=`, of two names. What Django or Werkzeug could read otherwise is no form here.

/// As many as Django and Werkzeug take.
const MAX_PARTS: usize = 1000;
/// Of one part. Django gives up at 1024.
const MAX_HEADERS_BYTES: usize = 1000;
/// RFC 2046, 5.1.1.
pub(super) const MAX_BOUNDARY: usize = 70;

/// The boundary, if the type is written plainly.
pub(super) fn boundary(kind: &str) -> Option<&str> {
    // Django reads the letters as they are.
    let rest = kind.strip_prefix("multipart/form-data")?.trim_start();
    let rest = rest.strip_prefix(';')?.trim_start().strip_prefix("boundary=")?;
    let boundary = match rest.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => rest,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    let fits = (1..=MAX_BOUNDARY).contains(&boundary.len()) && boundary.bytes().all(plain);
    fits.then_some(boundary)
}

/// Names and values of all parts that are no files; `None` where something is not plain.
pub(super) fn fields<'f>(form: &'f [u8], boundary: &str) -> Option<Vec<(&'f str, &'f [u8])>> {
    let delimiter = format!("--{boundary}");
    // Django looks for it everywhere, not at the beginning of lines alone.
    let mut rest = form.strip_prefix(delimiter.as_bytes())?;
    let mut fields = Vec::new();
    for _ in 0..MAX_PARTS {
        if let Some(end) = rest.strip_prefix(b"--") {
            return matches!(end, b"" | b"\r\n").then_some(fields);
        }
        let part = rest.strip_prefix(b"\r\n")?;
        let at = part.windows(delimiter.len()).position(|it| it == delimiter.as_bytes())?;
        let (part, after) = part.split_at_checked(at)?;
        rest = after.get(delimiter.len()..)?;
        let part = part.strip_suffix(b"\r\n")?;
        let at = part.windows(4).position(|it| it == b"\r\n\r\n")?;
        let (headers, value) = part.split_at_checked(at)?;
        if headers.len() > MAX_HEADERS_BYTES {
            return None;
        }
        let value = value.get(4..)?;
        match head(std::str::from_utf8(headers).ok()?)? {
            // A field for Django, a file for Werkzeug; browsers send it where no file was chosen.
            Head { file: Some(""), .. } if !value.is_empty() => return None,
            Head { name, file: None | Some("") } => fields.push((name, value)),
            Head { .. } => {}
        }
    }
    None
}

/// What a part says of itself.
struct Head<'f> {
    name: &'f str,
    file: Option<&'f str>,
}

fn head(lines: &str) -> Option<Head<'_>> {
    let mut found = None;
    for line in lines.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if name.is_empty() || !name.bytes().all(token) || value.chars().any(char::is_control) {
            return None;
        }
        match name.to_ascii_lowercase().as_str() {
            "content-disposition" if found.is_none() => found = Some(disposition(value)?),
            "content-disposition" => return None,
            // Django decodes base64.
            "content-transfer-encoding" => {
                let plain = ["7bit", "8bit", "binary"];
                plain.iter().any(|it| value.trim().eq_ignore_ascii_case(it)).then_some(())?;
            }
            _ => {}
        }
    }
    found
}

fn disposition(value: &str) -> Option<Head<'_>> {
    let mut rest = value.trim().strip_prefix("form-data")?;
    let (mut name, mut file) = (None, None);
    while !rest.is_empty() {
        let (key, after) = rest.strip_prefix(';')?.trim_start().split_once('=')?;
        let (text, plain);
        if let Some(quoted) = after.strip_prefix('"') {
            (text, rest) = quoted.split_once('"')?;
            plain = !text.ends_with('\\') && (key != "name" || !text.contains('\\'));
        } else {
            (text, rest) = after.split_at(after.find(';').unwrap_or(after.len()));
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._'%".contains(&byte);
            plain = !text.is_empty() && text.bytes().all(token);
        }
        let place = match key {
            "name" => &mut name,
            "filename" | "filename*" => &mut file,
            _ => return None,
        };
        if !plain || place.replace(text).is_some() {
            return None;
        }
    }
    Some(Head { name: name.filter(|name| !name.is_empty())?, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_and_programs_send_is_read() {
        let kinds = [
            ("multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk", true),
            ("multipart/form-data; boundary=\"=_x\"", true),
            ("multipart/form-data;boundary=XX", true),
            ("multipart/form-data; boundary=", false),
            ("multipart/form-data; boundary=a b", false),
            ("multipart/form-data; boundary=XX; charset=utf-16", false),
            ("Multipart/Form-Data; boundary=XX", false),
            ("multipart/form-data", false),
        ];
        for (kind, read) in kinds {
            assert_eq!(boundary(kind).is_some(), read, "{kind}");
        }
        let form = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n--XX\r\n\
            Content-Disposition: form-data; name=\"f\"; filename=\"C:\\x;y=1.txt\"\r\n\
            Content-Type: text/plain\r\n\r\n\r\n--XX\r\ncontent-disposition: form-data; name=b\r\n\
            Content-Transfer-Encoding: 8bit\r\n\r\n\r\n--XX\r\n\
            Content-Disposition: form-data; name=\"ü\"; filename=\"\"\r\n\r\n\r\n--XX--\r\n";
        let expected: [(&str, &[u8]); 3] = [("a", b"1\r\n2"), ("b", b""), ("ü", b"")];
        assert_eq!(fields(form.as_bytes(), "XX").unwrap(), expected);
        assert_eq!(fields(b"--XX--", "XX").unwrap(), []);
    }

    #[test]
    fn what_parsers_differ_in_is_not() {
        let part = |head: &str| format!("--XX\r\n{head}\r\n\r\n1\r\n--XX--\r\n");
        let plain = "Content-Disposition: form-data; name=\"a\"";
        assert!(fields(part(plain).as_bytes(), "XX").is_some());
        for head in [
            "Content-Disposition: form-data; NAME=\"a\"",
            "Content-Disposition: form-data; name*=\"a\"",
            "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
            "Content-Disposition: form-data; name=\"a\\\"\"",
            "Content-Disposition: form-data; name=\"a\"; filename",
            "Content-Disposition: form-data; name=\"a\"; filename=\"\"",
            "Content-Disposition: form-data; name=\"a\"; filename=\"x\\\"",
            "Content-Disposition: attachment; name=\"a\"",
            "Content-Disposition: form-data",
            "Content-Type: text/plain",
            &format!("{plain}\r\n{plain}"),
            &format!("{plain}\r\n folded"),
            &format!("{plain}\nX: y"),
            &format!("{plain}\r\nContent-Transfer-Encoding: Base64"),
            &format!("{plain}\r\nX: {}", "y".repeat(MAX_HEADERS_BYTES)),
        ] {
            assert_eq!(fields(part(head).as_bytes(), "XX"), None, "{head}");
        }
        let good = part(plain);
        for form in [
            format!("\r\n{good}"),
            format!("{good}more"),
            good.replace("--XX--\r\n", ""),
            good.replace("\r\n1\r\n", "\r\n1\n"),
            good.replace("\r\n1", "\r\n1--XX"),
            good.replace("--XX--", "--XXX--"),
            "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n".repeat(MAX_PARTS + 1)
                + "--XX--",
            String::new(),
        ] {
            assert_eq!(fields(form.as_bytes(), "XX"), None, "{form:.60}");
        }
    }
}
