//! The demo site: a login, a cart, your devices, and what cookie and server hold of it all.

mod account;
mod api;
mod devices;
mod errors;
mod goods;
mod guard;
mod inside;
mod setup;
mod shop;
mod site;
mod templates;
#[cfg(test)]
mod tests;
mod view;

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

use crate::args::Demo;
use crate::outcome::{Failure, print};

/// Requests that are still running when the site is told to stop get this long.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Expired sessions are removed this often.
const SWEEPS: Duration = Duration::from_secs(60);

/// Serves the site until Ctrl-C or SIGTERM.
pub(crate) fn run(options: &Demo) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("cannot start: {error}")))?;
    let result = runtime.block_on(serve(options));
    // Whoever did not finish in time is not waited for.
    runtime.shutdown_background();
    result
}

async fn serve(options: &Demo) -> Result<(), Failure> {
    let setup = setup::prepare(options).await?;
    let address = SocketAddr::new(options.host, options.port);
    let listener =
        TcpListener::bind(address).await.map_err(|error| cannot_listen(address, &error))?;
    let address = listener.local_addr().map_err(Failure::usage)?;
    let mut stop = Stop::new().map_err(Failure::usage)?;

    let built = site::build(setup)?;
    built.sessions.sessions().sweep_every(SWEEPS);
    for line in &built.site.notes {
        let _ = writeln!(io::stderr(), "sessile: {line}");
    }
    // Only now: the development warning has just been given in plain words.
    let level = if options.verbose { LevelFilter::INFO } else { LevelFilter::WARN };
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .try_init();

    let app = site::router(built);
    print(&format!("Listening on http://{address}\n"))?;
    let (told, mut asked) = tokio::sync::watch::channel(false);
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        let _ = asked.wait_for(|asked| *asked).await;
    });
    let server = async { server.await.map_err(Failure::usage) };
    let stopping = async {
        stop.asked().await;
        let _ = told.send(true);
        tokio::select! {
            () = tokio::time::sleep(LAST_REQUESTS) => {}
            // Asked twice: at once.
            () = stop.asked() => {}
        }
        Ok(())
    };
    tokio::select! {
        done = server => done,
        done = stopping => done,
    }
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "; it is taken, choose another with --port, or --port 0",
        io::ErrorKind::PermissionDenied => "; choose a port above 1023 with --port",
        io::ErrorKind::AddrNotAvailable => "; --host must be an address of this machine",
        _ => "",
    };
    Failure::usage(format!("cannot listen on {address}: {error}{remedy}"))
}

/// Ctrl-C, and SIGTERM where there is one.
struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    /// Listens from now on, so that nothing is missed between.
    fn new() -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
