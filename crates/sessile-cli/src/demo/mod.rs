//! The demo site: a login, a cart, your devices, and what cookie and server hold of it all.

mod account;
mod api;
mod bank;
mod comments;
mod devices;
mod errors;
mod goods;
mod guard;
mod hostile;
mod inside;
mod inspect;
mod playground;
mod setup;
mod shop;
mod site;
mod templates;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_attacks;
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

    let hostile = hostile_listener(options, address).await?;
    let beside = hostile.as_ref().map(TcpListener::local_addr).transpose();
    let beside = beside.map_err(Failure::usage)?;
    let built = site::build(setup, beside.map(|address| address.port()))?;
    let bank = built.site.bank.clone();
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
    let mut said = format!("Listening on http://{address}\n");
    if let Some(beside) = beside {
        said.push_str(&format!(
            "Listening on a second port, for a hostile site that attacks it: http://{beside}\n"
        ));
    }
    print(&said)?;
    let (told, asked) = tokio::sync::watch::channel(false);
    let until_told = || {
        let mut asked = asked.clone();
        async move {
            let _ = asked.wait_for(|asked| *asked).await;
        }
    };
    let server = axum::serve(listener, app).with_graceful_shutdown(until_told());
    let attacker = async {
        let Some(listener) = hostile else { return Ok(()) };
        let app = hostile::router(bank, address.port()).map_err(io::Error::other)?;
        axum::serve(listener, app).with_graceful_shutdown(until_told()).await
    };
    let server = async { tokio::try_join!(server, attacker).map(drop).map_err(Failure::usage) };
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

/// The port of the hostile site, where only this machine reaches it.
async fn hostile_listener(
    options: &Demo,
    site: SocketAddr,
) -> Result<Option<TcpListener>, Failure> {
    if !site.ip().is_loopback() {
        return Ok(None);
    }
    let at = |port| SocketAddr::new(site.ip(), port);
    if let Some(port) = options.hostile_port {
        let bound = TcpListener::bind(at(port)).await;
        return bound.map(Some).map_err(|error| cannot_listen(at(port), &error));
    }
    // The next one if the site's was asked for, so that it is where it was the last time.
    let next = options.port.checked_add(1).filter(|next| *next > 1).unwrap_or(0);
    let bound = match TcpListener::bind(at(next)).await {
        Err(_) => TcpListener::bind(at(0)).await,
        bound => bound,
    };
    bound.map(Some).map_err(|error| cannot_listen(at(0), &error))
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
