//! What stands after the `?` of an address: what redis-py takes there is translated, or refused
//! by its name. Nothing is dropped silently.

use std::time::Duration;

use crate::{ConnectError, Options};

/// They are about how redis-py handles texts, connections and retries of its own, and change
/// nothing that another client of the same server could notice.
const OF_THE_CLIENT: [&str; 11] = [
    "decode_responses",
    "encoding",
    "encoding_errors",
    "health_check_interval",
    "legacy_responses",
    "max_connections",
    "retry_on_error",
    "retry_on_timeout",
    "socket_keepalive",
    "socket_read_size",
    "socket_type",
];

/// What an address is put together from.
#[derive(Default)]
struct Given {
    user: String,
    password: String,
    database: Option<String>,
    kept: Vec<(String, String)>,
}

/// The address without what was taken out of it into `options`, as the driver takes it.
pub(crate) fn taken(url: &str, options: &mut Options) -> Result<String, ConnectError> {
    let (scheme, rest) = url.split_once("://").ok_or(ConnectError::Url("it has no scheme"))?;
    let (rest, fragment) = rest.split_once('#').map_or((rest, ""), |(rest, after)| (rest, after));
    if !fragment.is_empty() {
        return Err(ConnectError::Url("it ends in a fragment: `#` in a password is written %23"));
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut given = Given::default();
    let (secure, several) =
        (scheme.starts_with("rediss") || scheme == "valkeys", scheme.contains('+'));
    let sentinel = scheme.ends_with("+sentinel");
    #[cfg(feature = "tls")]
    let mut client: [Option<String>; 2] = [None, None];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) =
            pair.split_once('=').ok_or(ConnectError::Url("a parameter of it has no value"))?;
        let refused = |why| refusal(name, why);
        let value = decoded(value).ok_or_else(|| refused("is not percent-encoded text"))?;
        // As redis-py: nothing is no value.
        if value.is_empty() {
            continue;
        }
        if name.starts_with("ssl_") && !secure {
            return Err(refused("is for TLS: rediss://"));
        }
        match name {
            "db" => {
                value.parse::<u32>().map_err(|_| refused("is no number of a database"))?;
                given.database = Some(value);
            }
            "username" | "user" => given.user = value,
            "password" | "pass" => given.password = value,
            "protocol" => given.kept.push((name.to_owned(), value)),
            "sentinel_user" | "sentinel_password" if sentinel => {
                given.kept.push((name.to_owned(), value));
            }
            "socket_timeout" => options.timeout = seconds(name, &value)?,
            "socket_connect_timeout" => options.connect_timeout = seconds(name, &value)?,
            // A client checks a certificate that is there either way, and one is always there.
            "ssl_cert_reqs" if matches!(&*value, "required" | "optional") => {}
            "ssl_cert_reqs" => {
                return Err(refused("would take anybody's certificate: only `required` is taken"));
            }
            "ssl_check_hostname" if is_true(&value) => {}
            "ssl_check_hostname" => {
                return Err(refused(
                    "would take a certificate of another name: only `true` is taken",
                ));
            }
            #[cfg(feature = "tls")]
            "ssl_ca_certs" => options.root_certificate = Some(file(name, &value)?),
            #[cfg(feature = "tls")]
            "ssl_ca_data" => options.root_certificate = Some(value.into_bytes()),
            #[cfg(feature = "tls")]
            "ssl_certfile" => client[0] = Some(value),
            #[cfg(feature = "tls")]
            "ssl_keyfile" => client[1] = Some(value),
            _ if OF_THE_CLIENT.contains(&name) => {}
            _ => return Err(refused("is none that sessile knows: docs/addresses.md lists them")),
        }
    }
    #[cfg(feature = "tls")]
    match client {
        [None, None] => {}
        [Some(certificate), Some(key)] => {
            options.client_certificate =
                Some((file("ssl_certfile", &certificate)?, file("ssl_keyfile", &key)?));
        }
        [None, Some(_)] => return Err(refusal("ssl_keyfile", "needs ssl_certfile beside it")),
        [Some(_), None] => return Err(refusal("ssl_certfile", "needs ssl_keyfile beside it")),
    }
    given.together(scheme, rest, several)
}

impl Given {
    fn together(mut self, scheme: &str, rest: &str, several: bool) -> Result<String, ConnectError> {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let text = |text: &str| decoded_path(text).ok_or(ConnectError::Url(NOT_ENCODED));
        // What stands before the host counts more, as in redis-py.
        if !user.is_empty() {
            self.user = text(user)?;
        }
        if !password.is_empty() {
            self.password = text(password)?;
        }
        if scheme == "unix" || scheme.ends_with("+unix") {
            if !hosts.is_empty() {
                return Err(ConnectError::Url("a socket's path begins with `/`: unix:///run/…"));
            }
            let database = self.database.take().map(|database| ("db".to_owned(), database));
            let login = [("user".to_owned(), self.user), ("pass".to_owned(), self.password)];
            self.kept.extend(database.into_iter().chain(login));
            return Ok(format!("{scheme}:///{path}{}", query(&self.kept)));
        }
        let path = path.trim_matches('/');
        let path = match (self.database, several && scheme.ends_with("+sentinel")) {
            (None, _) => path.to_owned(),
            (Some(database), false) => database,
            (Some(database), true) => {
                let (master, _) = path.split_once('/').unwrap_or((path, ""));
                format!("{master}/{database}")
            }
        };
        let hosts = match hosts {
            "" if !several => "localhost",
            port if !several && port.starts_with(':') => &format!("localhost{port}"),
            hosts => hosts,
        };
        let login = match (&*self.user, &*self.password) {
            ("", "") => String::new(),
            (user, "") => format!("{}@", encoded(user)),
            (user, password) => format!("{}:{}@", encoded(user), encoded(password)),
        };
        Ok(format!("{scheme}://{login}{hosts}/{path}{}", query(&self.kept)))
    }
}

const NOT_ENCODED: &str = "its user or password is not percent-encoded text";

fn query(pairs: &[(String, String)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// A name out of an address is repeated where it can be no secret.
fn refusal(name: &str, why: &'static str) -> ConnectError {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    match name.len() <= 40 && name.bytes().all(is_name) {
        true => ConnectError::Parameter { name: name.to_owned(), why },
        false => ConnectError::Url("a parameter of it has a name that is none"),
    }
}

fn seconds(name: &str, value: &str) -> Result<Duration, ConnectError> {
    let seconds = value.parse::<f64>().ok().filter(|it| *it > 0.0);
    let wait = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
    wait.ok_or_else(|| refusal(name, "is no number of seconds"))
}

/// As redis-py reads it.
fn is_true(value: &str) -> bool {
    !matches!(&*value.to_ascii_uppercase(), "0" | "F" | "FALSE" | "N" | "NO")
}

#[cfg(feature = "tls")]
fn file(name: &str, path: &str) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(path).map_err(|_| refusal(name, "names a file that cannot be read"))
}

/// A value of a query: `+` is a space.
fn decoded(text: &str) -> Option<String> {
    decoded_path(&text.replace('+', " "))
}

fn decoded_path(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (char::from(rest.next()?), char::from(rest.next()?));
                u8::try_from(high.to_digit(16)? << 4 | low.to_digit(16)?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(url: &str) -> Result<String, String> {
        taken(url, &mut Options::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn d10_what_redis_py_takes_is_said_to_the_driver() {
        for (given, wanted) in [
            ("redis://h?db=3", "redis://h/3"),
            ("redis://h/1?db=3", "redis://h/3"),
            ("redis://h/3/", "redis://h/3"),
            ("redis:///3", "redis://localhost/3"),
            ("redis://:7000", "redis://localhost:7000/"),
            ("redis://h?username=me&password=p%40+s", "redis://me:p%40%20s@h/"),
            ("redis://you:x@h?username=me&password=y", "redis://you:x@h/"),
            ("redis://:x@h?username=me", "redis://me:x@h/"),
            ("redis://[::1]:5?protocol=2&db=", "redis://[::1]:5/?protocol=2"),
            ("unix://me:p%2F@/run/a.sock?db=2", "unix:///run/a.sock?db=2&user=me&pass=p%2F"),
            ("unix:///a?password=x", "unix:///a?pass=x"),
            ("redis+sentinel://a,b/main/1?db=2", "redis+sentinel://a,b/main/2"),
            ("redis://h?decode_responses=True&max_connections=5", "redis://h/"),
        ] {
            assert_eq!(url(given).as_deref(), Ok(wanted), "{given}");
        }
        let mut options = Options::default();
        taken("redis://h?socket_timeout=0.5&socket_connect_timeout=3", &mut options).unwrap();
        let waits = (options.timeout.as_millis(), options.connect_timeout.as_millis());
        assert_eq!(waits, (500, 3000));
    }

    #[test]
    fn d10_what_cannot_be_taken_is_refused_by_name_and_no_value_is_repeated() {
        for (given, name) in [
            ("redis://h?client_name=hunter2", "`client_name`"),
            ("redis://h?db=hunter2", "`db`"),
            ("redis://h?socket_timeout=hunter2", "`socket_timeout`"),
            ("redis://h?ssl_ca_certs=hunter2", "`ssl_ca_certs`"),
            ("rediss://h?ssl_cert_reqs=none", "`ssl_cert_reqs`"),
            ("rediss://h?ssl_check_hostname=False", "`ssl_check_hostname`"),
            ("rediss://h?ssl_ca_path=hunter2", "`ssl_ca_path`"),
            ("rediss://h?ssl_ciphers=hunter2", "`ssl_ciphers`"),
            ("redis://h?HUNTER2=1", "a parameter"),
            ("redis://h?hunter2", "a parameter"),
            ("redis://h#hunter2", "fragment"),
            ("unix://hunter2", "begins with `/`"),
        ] {
            let said = url(given).expect_err(given);
            assert!(said.contains(name) && !said.to_lowercase().contains("hunter2"), "{said}");
        }
    }
}
