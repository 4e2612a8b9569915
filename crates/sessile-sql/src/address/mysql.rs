//! Addresses of MySQL and MariaDB: PyMySQL's, mysqlclient's, SQLAlchemy's, the driver's own.

use std::path::PathBuf;
use std::time::Duration;

use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};

use super::{Address, UNKNOWN, flag, number, only, refused, seconds};
use crate::tls::{self, Check};
use crate::{ConnectError, Options};

const NOT_READ: &str = "names a file that this does not read; put what it says into the address";

/// Where the server is and how its certificate is checked; how long a connection may take.
pub(crate) fn read(
    rest: &str,
    options: &Options,
) -> Result<(OptsBuilder, Option<Duration>), ConnectError> {
    let address = Address::parse(rest)?;
    let mut hosts = address.hosts.into_iter();
    let (host, port) = hosts.next().unwrap_or_else(|| ("localhost".to_owned(), None));
    if hosts.next().is_some() {
        return Err(ConnectError::Url("MySQL's address names one server; several are a proxy's"));
    }
    let mut parts = Parts { host, port, ..Parts::default() };
    (parts.user, parts.password, parts.database) =
        (address.user, address.password, address.database);
    for (name, value) in &address.parameters {
        parts.take(name, value)?;
    }
    let base = match parts.drivers.as_str() {
        "" => Opts::default(),
        // Its errors may quote values.
        of_driver => Opts::from_url(&format!("mysql://localhost/?{of_driver}"))
            .map_err(|_| ConnectError::Url("one of its driver's parameters has a wrong value"))?,
    };
    let ssl = parts.ssl(options)?;
    let builder = OptsBuilder::from_opts(base)
        .ip_or_hostname(parts.host)
        .tcp_port(parts.port.unwrap_or(3306))
        .user(parts.user)
        .pass(parts.password)
        .db_name(parts.database)
        .socket(parts.socket)
        .prefer_socket(parts.prefer_socket)
        .ssl_opts(ssl);
    Ok((builder, parts.patience))
}

#[derive(Default)]
struct Parts {
    host: String,
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    socket: Option<String>,
    /// The driver looks for a socket on this machine unless told not to.
    prefer_socket: bool,
    patience: Option<Duration>,
    /// Parameters that the driver reads itself.
    drivers: String,
    is_asked: Option<bool>,
    check: Option<Check>,
    checks_host: Option<bool>,
    checks_nothing: bool,
    built_in: bool,
    authority: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Parts {
    fn take(&mut self, name: &str, value: &str) -> Result<(), ConnectError> {
        match name {
            "user" => self.user = Some(value.to_owned()),
            "password" | "passwd" => self.password = Some(value.to_owned()),
            "db" | "database" => self.database = Some(value.to_owned()),
            "host" => value.clone_into(&mut self.host),
            "port" => self.port = Some(number(name, value)?),
            "unix_socket" | "socket" => {
                self.socket = Some(value.to_owned());
                self.prefer_socket = true;
            }
            "connect_timeout" | "connection_timeout" => self.patience = seconds(name, value)?,
            "charset" | "character_set" => {
                let utf8 = ["utf8mb4", "utf8", "utf8mb3"];
                only(name, value, &utf8, "takes utf8mb4: texts are sent in no other encoding")?;
            }
            "ssl" | "require_ssl" => self.is_asked = Some(flag(name, value)?),
            "ssl_disabled" => self.is_asked = Some(!flag(name, value)?),
            "ssl_mode" | "ssl-mode" | "sslmode" => self.mode(name, value)?,
            "ssl_ca" => self.authority = Some(value.into()),
            "ssl_cert" => self.certificate = Some(value.into()),
            "ssl_key" => self.key = Some(value.into()),
            "ssl_check_hostname" | "ssl_verify_identity" | "verify_identity" => {
                self.checks_host = Some(flag(name, value)?);
            }
            "ssl_verify_cert" | "verify_ca" => self.checks_nothing = !flag(name, value)?,
            "built_in_roots" => self.built_in = flag(name, value)?,
            "compress" => {
                let why = "takes false; the driver's own is compression=zlib";
                only(name, value, &["0", "false"], why)?;
            }
            // The driver's own.
            "compression"
            | "tcp_keepalive"
            | "max_allowed_packet"
            | "wait_timeout"
            | "enable_cleartext_plugin"
            | "secure_auth"
            | "conn_ttl"
            | "abs_conn_ttl"
            | "abs_conn_ttl_jitter" => {
                let value = percent_encoding::utf8_percent_encode(
                    value,
                    percent_encoding::NON_ALPHANUMERIC,
                );
                self.drivers.push_str(&format!("&{name}={value}"));
            }
            _ => return without_effect(name, value),
        }
        Ok(())
    }

    fn mode(&mut self, name: &str, value: &str) -> Result<(), ConnectError> {
        let check = match value.to_ascii_uppercase().as_str() {
            "DISABLED" | "DISABLE" => {
                self.is_asked = Some(false);
                return Ok(());
            }
            "REQUIRED" | "REQUIRE" => None,
            "VERIFY_CA" | "VERIFY-CA" => Some(Check::Authority),
            "VERIFY_IDENTITY" | "VERIFY-FULL" => Some(Check::Host),
            _ => {
                let why = "takes DISABLED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY: whether \
                           passwords are sent in the clear is not left to the server";
                return Err(refused(name, why));
            }
        };
        self.is_asked = Some(true);
        self.checks_nothing = check.is_none() && self.authority.is_none();
        self.check = check;
        Ok(())
    }

    /// TLS where it is asked for, by name or by a certificate; then the whole check, unless
    /// something says less.
    fn ssl(&self, options: &Options) -> Result<Option<SslOpts>, ConnectError> {
        let authority = options.root_certificates.clone().or_else(|| self.authority.clone());
        let implied = authority.is_some() || self.certificate.is_some();
        let implied = implied || self.check.is_some() || self.checks_host.is_some();
        if !self.is_asked.unwrap_or(implied) {
            return Ok(None);
        }
        let by_check = match self.check {
            Some(check) => check,
            None if self.checks_nothing && options.root_certificates.is_none() => Check::Nothing,
            None if self.checks_host == Some(false) => Check::Authority,
            None => Check::Host,
        };
        let mut ssl = SslOpts::default()
            .with_danger_accept_invalid_certs(by_check == Check::Nothing)
            .with_danger_skip_domain_validation(by_check != Check::Host);
        ssl = match &authority {
            Some(path) => {
                tls::authorities(path)?;
                ssl.with_root_certs(vec![path.clone().into()]).with_disable_built_in_roots(true)
            }
            None => {
                let certificates = tls::of_the_system();
                let roots = certificates.into_iter().map(|it| it.to_vec().into());
                ssl.with_root_certs(roots.collect())
            }
        };
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let (certificate, key) = (certificate.clone().into(), key.clone().into());
                Some(ClientIdentity::new(certificate, key))
            }
            (None, None) => None,
            (Some(_), None) => return Err(refused("ssl_cert", "needs ssl_key beside it")),
            (None, Some(_)) => return Err(refused("ssl_key", "needs ssl_cert beside it")),
        };
        Ok(Some(ssl.with_client_identity(identity)))
    }
}

/// What asks for nothing that concerns sessions, or for what cannot be had.
fn without_effect(name: &str, value: &str) -> Result<(), ConnectError> {
    match name {
        // Of the application's own statements; ours set what they need, and have their own bound.
        "use_unicode"
        | "autocommit"
        | "sql_mode"
        | "read_timeout"
        | "write_timeout"
        | "cursorclass"
        | "conv"
        | "collation"
        | "use_pure"
        | "buffered"
        | "raise_on_warnings"
        | "binary_prefix"
        | "echo"
        | "pool_size"
        | "pool_name"
        | "pool_reset_session"
        | "program_name"
        | "client_found_rows"
        | "tcp_nodelay"
        | "stmt_cache_size"
        | "pool_min"
        | "pool_max"
        | "inactive_connection_ttl"
        | "ttl_check_interval"
        | "reset_connection"
        | "prefer_socket"
        | "server_public_key" => Ok(()),
        "local_infile" | "allow_local_infile" => {
            only(name, value, &["0", "false"], "reads this machine's files; remove it")
        }
        "read_default_file" | "read_default_group" | "option_files" => Err(refused(name, NOT_READ)),
        "ssl_capath" => Err(refused(name, "names a folder; give ssl_ca a file")),
        "ssl_cipher" | "ssl_ciphers" | "tls_ciphersuites" | "tls_versions" => {
            Err(refused(name, "is not chosen here: TLS 1.2 and 1.3 with rustls's ciphers"))
        }
        "ssl_key_password" => Err(refused(name, "opens a locked key, which this cannot")),
        "init_command" => {
            Err(refused(name, "would run a statement of the application's; remove it"))
        }
        "client_flag" | "client_flags" => Err(refused(name, "is not translated; remove it")),
        "auth_plugin" | "auth_plugin_map" | "auth_client_plugin" => {
            Err(refused(name, "is the server's choice; remove it"))
        }
        "bind_address" | "named_pipe" | "defer_connect" | "infile" => {
            Err(refused(name, "is not translated; remove it"))
        }
        _ => Err(refused(name, UNKNOWN)),
    }
}
