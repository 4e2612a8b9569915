//! A client of Redis for what tests have to tell it: one connection, one command at a time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::Error;

/// A reply of RESP2, bytes that are no UTF-8 replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A simple or bulk string.
    Text(String),
    /// An integer.
    Number(i64),
    /// A row of replies.
    Row(Vec<Reply>),
    /// The absent value.
    Nil,
}

impl Reply {
    /// The text of a string, `None` for anything else.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number, or a string that is one.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The replies of a row; empty for anything else.
    pub fn row(&self) -> &[Reply] {
        match self {
            Self::Row(row) => row,
            _ => &[],
        }
    }
}

/// A connection on which each command waits for its reply, ten seconds at most.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects, and gives the password if there is one.
    ///
    /// # Errors
    /// When nobody listens or the password is wrong.
    pub fn open(address: SocketAddr, password: Option<&str>) -> Result<Self, Error> {
        let patience = Duration::from_secs(10);
        let failed = |error| Error::io(format!("could not connect to Redis at {address}"), &error);
        let stream = TcpStream::connect_timeout(&address, patience).map_err(failed)?;
        stream.set_read_timeout(Some(patience)).map_err(failed)?;
        stream.set_write_timeout(Some(patience)).map_err(failed)?;
        Self::over(stream, password).map_err(failed)
    }

    pub(crate) fn over(stream: TcpStream, password: Option<&str>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let mut connection = Self { stream: BufReader::new(stream) };
        if let Some(password) = password {
            connection.command(&["AUTH", password])?;
        }
        Ok(connection)
    }

    /// Sends one command and waits for its reply.
    ///
    /// # Errors
    /// When the connection fails or the reply is an error; its text is the server's.
    pub fn command(&mut self, words: &[&str]) -> Result<Reply, Error> {
        let name = words.first().copied().unwrap_or_default();
        let outcome = self.send(words).and_then(|()| self.receive());
        outcome.map_err(|error| Error::io(format!("Redis, {name}"), &error))
    }

    /// One number of `INFO`.
    ///
    /// # Errors
    /// When the connection fails, or the field is missing or no number.
    pub fn info(&mut self, field: &str) -> Result<u64, Error> {
        let text = self.command(&["INFO", "everything"])?;
        let found = info_field(text.text().unwrap_or_default(), field);
        found.and_then(|it| it.parse().ok()).ok_or_else(|| {
            Error::new(format!("the INFO of this Redis has no number named {field}"))
        })
    }

    fn send(&mut self, words: &[&str]) -> io::Result<()> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
        }
        self.stream.get_mut().write_all(&bytes)
    }

    fn receive(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let bad = || io::Error::new(io::ErrorKind::InvalidData, format!("not RESP: {line:?}"));
        let (Some(kind), Some(rest)) = (line.get(..1), line.get(1..)) else { return Err(bad()) };
        let number = || rest.parse::<i64>().map_err(|_| bad());
        match kind {
            "+" => Ok(Reply::Text(rest.to_owned())),
            "-" => Err(io::Error::other(rest.to_owned())),
            ":" => number().map(Reply::Number),
            "$" => match u64::try_from(number()?) {
                Err(_) => Ok(Reply::Nil),
                Ok(length) => self.bulk(length),
            },
            "*" => match usize::try_from(number()?) {
                Err(_) => Ok(Reply::Nil),
                Ok(length) => (0..length).map(|_| self.receive()).collect::<Result<_, _>>(),
            },
            _ => Err(bad()),
        }
    }

    fn bulk(&mut self, length: u64) -> io::Result<Reply> {
        let mut bytes = Vec::new();
        self.stream.by_ref().take(length.saturating_add(2)).read_to_end(&mut bytes)?;
        if bytes.split_off(bytes.len().saturating_sub(2)) != b"\r\n" {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Reply::Text(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl FromIterator<Reply> for Reply {
    fn from_iter<T: IntoIterator<Item = Reply>>(replies: T) -> Self {
        Self::Row(replies.into_iter().collect())
    }
}

/// The value of `field:value` in an `INFO` text.
pub(crate) fn info_field<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
}
