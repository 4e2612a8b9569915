//! Ending a statement that nobody waits for any more.
//!
//! The driver sends the request and goes. PgBouncer then forgets it: it passes on only what
//! somebody waits for, as libpq does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Asks for the end of what runs on a connection, and waits until the request was passed on.
pub(super) async fn cancel(token: &CancelToken, mut tls: MakeRustlsConnect, config: &Config) {
    // Nobody waits for more than the connection's end, which follows in any case.
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let [Host::Tcp(host)] = hosts else {
        // Which of several it is, the driver alone knows.
        let _ = token.cancel_query(tls).await;
        return;
    };
    let stream = match addresses.first() {
        Some(address) => TcpStream::connect((*address, port)).await,
        None => TcpStream::connect((host.as_str(), port)).await,
    };
    let Ok(stream) = stream else { return };
    let made = <MakeRustlsConnect as MakeTlsConnect<Patient>>::make_tls_connect(&mut tls, host);
    let Ok(tls) = made;
    let _ = token.cancel_query_raw(Patient(stream), tls).await;
}

/// Leaves when the other side does.
struct Patient(TcpStream);

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [0; 64];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Pin::new(&mut self.0).poll_shutdown(context);
            }
        }
    }
}
