//! nginx and Caddy in front of an application of the test's own.

use std::ops::Deref;
use std::path::Path;

use rustix::process::Signal;

use crate::error::Error;
use crate::folder::Folder;
use crate::process;
use crate::server::{Plan, Server, on_a_free_port};
use crate::tls::Certificates;

/// Where guides say that the application is, and these proxies are told the real port.
const WRITTEN: &str = "127.0.0.1:8000";

/// A web server that hands requests on, on a port of its own.
#[derive(Debug)]
pub struct Proxy {
    server: Server,
    /// The authority's certificate, for clients.
    pub authority: Option<std::path::PathBuf>,
}

/// How the visitor reaches the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// In the clear.
    Http,
    /// Over TLS, with HTTP/2 for who asks for it.
    Https,
}

impl Proxy {
    /// nginx with these lines in its `server` block, in which `127.0.0.1:8000` stands for the
    /// application's address.
    ///
    /// # Errors
    /// When nginx is missing or refuses the lines.
    pub fn nginx(lines: &str, application: u16, outside: Outside) -> Result<Self, Error> {
        let program = process::need("nginx", "nginx")?;
        let mut authority = None;
        let server = on_a_free_port(|port| {
            let folder = Folder::new("nginx")?;
            let mut listen = format!("listen 127.0.0.1:{port}");
            if outside == Outside::Https {
                let made = Certificates::make(&folder)?;
                let (certificate, key) = (made.certificate.display(), made.key.display());
                listen += " ssl http2;\n    ssl_certificate ";
                listen += &format!("{certificate};\n    ssl_certificate_key {key}");
                authority = Some(made.authority);
            }
            let at = folder.path().display();
            let places: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .iter()
                .map(|it| format!("  {it}_temp_path {at}/{it};\n"))
                .collect();
            let lines = told(lines, application);
            let config = folder.write(
                "nginx.conf",
                &format!(
                    "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log stderr;\n\
                     events {{}}\nhttp {{\n  access_log off;\n{places}  server {{\n    {listen};\n\
                     {lines}\n  }}\n}}\n"
                ),
            )?;
            let arguments = ["-e", "stderr", "-c"].map(str::to_owned);
            Ok(plan(
                "nginx",
                &program,
                arguments.into_iter().chain([shown(&config)]).collect(),
                (port, folder),
            ))
        })?;
        Ok(Self { server, authority })
    }

    /// Caddy with these lines in its site's block, in which `127.0.0.1:8000` stands for the
    /// application's address.
    ///
    /// # Errors
    /// When Caddy is missing or refuses the lines.
    pub fn caddy(lines: &str, application: u16, outside: Outside) -> Result<Self, Error> {
        let caddy = process::need("caddy", "caddy")?;
        let env = process::need("env", "coreutils")?;
        let mut authority = None;
        let server = on_a_free_port(|port| {
            let folder = Folder::new("caddy")?;
            let (scheme, tls) = match outside {
                Outside::Http => ("http", String::new()),
                Outside::Https => {
                    let made = Certificates::make(&folder)?;
                    let line =
                        format!("  tls {} {}\n", made.certificate.display(), made.key.display());
                    authority = Some(made.authority);
                    ("https", line)
                }
            };
            let lines = told(lines, application);
            // HTTP/3 would take the UDP port by which the testbed keeps this port for us.
            let config = folder.write(
                "Caddyfile",
                &format!(
                    "{{\n  admin off\n  auto_https disable_redirects\n\
                     \x20 servers {{\n    protocols h1 h2\n  }}\n}}\n\
                     {scheme}://localhost:{port} {{\n  bind 127.0.0.1\n{tls}{lines}\n}}\n"
                ),
            )?;
            // It keeps what it was told and its certificates in the user's folders otherwise.
            let home = folder.path().display();
            let mut arguments: Vec<String> = ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"]
                .iter()
                .map(|name| format!("{name}={home}"))
                .collect();
            arguments.push(shown(&caddy));
            arguments.extend(["run", "--config"].map(str::to_owned));
            arguments.extend([shown(&config), "--adapter".to_owned(), "caddyfile".to_owned()]);
            Ok(plan("Caddy", &env, arguments, (port, folder)))
        })?;
        Ok(Self { server, authority })
    }
}

impl Deref for Proxy {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn plan(name: &str, program: &Path, arguments: Vec<String>, (port, folder): (u16, Folder)) -> Plan {
    Plan {
        name: name.to_owned(),
        program: program.to_owned(),
        arguments,
        user: None,
        port,
        folder,
        // Who accepts a connection has read its configuration.
        ping: Box::new(|_| Ok(true)),
        farewell: Signal::TERM,
    }
}

fn told(lines: &str, application: u16) -> String {
    lines.replace(WRITTEN, &format!("127.0.0.1:{application}"))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
