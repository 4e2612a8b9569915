//! The same scripts over a real connection, so that what a server adds or drops is in them too.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use sessile_core::store::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::browser::{Reply, Site};
use crate::Failure;

/// A server at an address, asked over one connection per request.
#[derive(Clone, Copy, Debug)]
pub struct Socket(pub SocketAddr);

/// Serves a router on a free port of this machine until the runtime ends.
///
/// # Errors
///
/// There is no free port.
pub async fn serve(app: Router) -> Result<Arc<dyn Site>, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(Arc::new(Socket(address)))
}

impl Site for Socket {
    fn answer(&self, request: Request<String>) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(exchange(self.0, request))
    }
}

async fn exchange(address: SocketAddr, request: Request<String>) -> Result<Reply, Failure> {
    let mut connection = TcpStream::connect(address).await?;
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut head = format!("{} {target} HTTP/1.1\r\n", request.method()).into_bytes();
    head.extend(format!("host: {address}\r\nconnection: close\r\n").bytes());
    head.extend(format!("content-length: {}\r\n", request.body().len()).bytes());
    for (name, value) in request.headers() {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head.extend(request.body().bytes());
    connection.write_all(&head).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    parse(&answer).ok_or_else(|| Failure("the server's answer is not HTTP/1.1".into()))
}

fn parse(answer: &[u8]) -> Option<Reply> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (answer.get(..end)?, answer.get(end + 4..)?);
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    let chunked = headers.get("transfer-encoding").is_some();
    let body = if chunked { unchunk(body)? } else { body.to_vec() };
    Some(Reply { status, headers, body: String::from_utf8(body).ok()? })
}

fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(body.get(..line)?).ok()?, 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(line + 2..line + 2 + size)?);
        body = body.get(line + 2 + size + 2..)?;
    }
}
