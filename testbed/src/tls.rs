//! Certificates made by the `openssl` command, for servers that speak TLS.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::folder::Folder;
use crate::process;

/// A certificate authority and a server certificate for 127.0.0.1 and localhost.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority's certificate (PEM): what a client has to trust.
    pub authority: PathBuf,
    /// The server's certificate (PEM).
    pub certificate: PathBuf,
    /// The server's key (PEM, PKCS #8).
    pub key: PathBuf,
}

impl Certificates {
    /// Makes them in `folder`; they are valid for two days.
    ///
    /// # Errors
    /// When `openssl` is missing or refuses.
    pub fn make(folder: &Folder) -> Result<Self, Error> {
        let openssl = process::need("openssl", "openssl")?;
        let at = |name: &str| folder.path().join(name);
        let (authority, authority_key) = (at("authority.pem"), at("authority.key"));
        let (certificate, key) = (at("server.pem"), at("server.key"));
        request(&openssl, &authority, &authority_key, "sessile-testbed", |command| {
            command.args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
        })?;
        request(&openssl, &certificate, &key, "localhost", |command| {
            command.arg("-CA").arg(&authority).arg("-CAkey").arg(&authority_key);
            command.args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]);
            command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        })?;
        Ok(Self { authority, certificate, key })
    }
}

/// One new key and the certificate for it.
fn request(
    openssl: &Path,
    certificate: &Path,
    key: &Path,
    name: &str,
    add: impl FnOnce(&mut Command),
) -> Result<(), Error> {
    let mut command = Command::new(openssl);
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    command.args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}")]);
    command.arg("-out").arg(certificate).arg("-keyout").arg(key);
    add(&mut command);
    process::output(&mut command).map(|_| ())
}
