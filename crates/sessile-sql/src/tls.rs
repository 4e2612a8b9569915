//! TLS towards database servers: what is checked, the system's certificates or one's own, and
//! what went wrong.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, Error, RootCertStore};

use crate::ConnectError;

/// What of a server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing: what is sent is encrypted, to whoever answers.
    Nothing,
    /// That an authority we trust has made it, for whatever name.
    Authority,
    /// That, and that it is for the host of the address.
    Host,
}

/// The certificates in a file; there is at least one.
pub(crate) fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let unreadable = || ConnectError::Certificates(path.to_owned());
    let read = CertificateDer::pem_file_iter(path).map_err(|_| unreadable())?;
    let read: Vec<_> = read.collect::<Result<_, _>>().map_err(|_| unreadable())?;
    let mut roots = RootCertStore::empty();
    for certificate in &read {
        roots.add(certificate.clone()).map_err(|_| unreadable())?;
    }
    if read.is_empty() { Err(unreadable()) } else { Ok(read) }
}

/// Those of the system's authorities that can be read.
pub(crate) fn of_the_system() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs().certs;
    let is_readable = |it: &CertificateDer<'static>| RootCertStore::empty().add(it.clone()).is_ok();
    found.into_iter().filter(is_readable).collect()
}

/// What of TLS is behind an error, and what to do; `setting` is the address's parameter that
/// names the authorities.
pub(crate) fn trouble(error: &(dyn std::error::Error + 'static), setting: &str) -> Option<String> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let of_tls = causes.find_map(|error| match error.downcast_ref::<Error>() {
        Some(found) => Some(found),
        // What an input or output error holds is none of its causes.
        None => error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<Error>(),
    })?;
    Some(match of_tls {
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => format!(
            "its certificate is of no authority we trust: give the authority's certificate by \
             {setting}=FILE in the address or by SESSION_SQL_CA"
        ),
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another host: use the name it is for in the address, or \
              check the authority alone"
            .to_owned(),
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate has expired".to_owned(),
        other => format!("TLS: {other}"),
    })
}
