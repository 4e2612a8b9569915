//! The proxy before a server that answers each line with `re: LINE`.
#![allow(clippy::unwrap_used, reason = "in helpers of tests too")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use sessile_testbed::proxy::{Faults, Proxy};
use sessile_testbed::wait_until;

const MOMENT: Duration = Duration::from_secs(10);

/// The server's address and every line it got.
fn server() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (lines, got) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, lines) = (stream.unwrap(), lines.clone());
            thread::spawn(move || {
                let mut writer = stream.try_clone().unwrap();
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = lines.send(line.clone());
                    if writer.write_all(format!("re: {line}\n").as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, got)
}

fn connect(proxy: &Proxy) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(MOMENT)).unwrap();
    stream.set_nodelay(true).unwrap();
    BufReader::new(stream)
}

fn ask(client: &mut BufReader<TcpStream>, line: &str) -> std::io::Result<String> {
    client.get_mut().write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    client.read_line(&mut answer)?;
    Ok(answer)
}

#[test]
fn without_faults_all_passes_and_is_counted() {
    let (address, _got) = server();
    let proxy = Proxy::start(address).unwrap();
    let mut client = connect(&proxy);
    for _ in 0..5 {
        assert_eq!(ask(&mut client, "hello").unwrap(), "re: hello\n");
    }
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.round_trips, counts.faults), (1, 5, 0));
    assert_eq!((counts.to_server, counts.to_client), (30, 50));
    // A pipeline is one round trip, however many answers.
    client.get_mut().write_all(b"a\nb\nc\n").unwrap();
    let mut answers = [0; 18];
    client.read_exact(&mut answers).unwrap();
    assert_eq!(proxy.counts().round_trips, 6);
    assert_eq!(proxy.open_connections(), 1);
    drop(client);
    assert!(wait_until(MOMENT, || proxy.open_connections() == 0));
    let url = format!("redis://{address},{address}/0");
    let ours = proxy.address();
    assert_eq!(proxy.instead_of(&url), format!("redis://{ours},{ours}/0"));
}

#[test]
fn a_large_body_passes_whole_in_single_bytes_and_at_once() {
    let (address, _got) = server();
    let proxy = Proxy::start(address).unwrap();
    let mut client = connect(&proxy);
    let large = "x".repeat(1_000_000);
    assert_eq!(ask(&mut client, &large).unwrap().len(), 1_000_005);
    proxy.set(Faults { slice: 1, ..Faults::default() });
    let text = "y".repeat(2000);
    assert_eq!(ask(&mut client, &text).unwrap(), format!("re: {text}\n"));
}

#[test]
fn latency_is_added_to_each_reply_and_lifted_while_running() {
    let (address, _got) = server();
    let proxy = Proxy::start(address).unwrap();
    let mut client = connect(&proxy);
    let (latency, jitter) = (Duration::from_millis(60), Duration::from_millis(30));
    proxy.set(Faults { latency, jitter, ..Faults::default() });
    for _ in 0..3 {
        let started = Instant::now();
        ask(&mut client, "hello").unwrap();
        assert!(started.elapsed() >= latency - jitter);
    }
    proxy.heal();
    let fast = wait_until(MOMENT, || {
        let started = Instant::now();
        ask(&mut client, "hello").unwrap();
        started.elapsed() < latency - jitter
    });
    assert!(fast);
}

#[test]
fn bandwidth_is_kept_to() {
    let (address, _got) = server();
    let proxy = Proxy::start(address).unwrap();
    let mut client = connect(&proxy);
    proxy.set(Faults { bandwidth: 10_000, ..Faults::default() });
    let started = Instant::now();
    ask(&mut client, &"x".repeat(2000)).unwrap();
    // 2001 bytes there and 2005 back, not wholly at the same time: at least one way's time.
    assert!(started.elapsed() >= Duration::from_millis(150), "{:?}", started.elapsed());
}

#[test]
fn a_blackhole_keeps_connections_open_and_delivers_late() {
    let (address, got) = server();
    let proxy = Proxy::start(address).unwrap();
    let mut client = connect(&proxy);
    ask(&mut client, "before").unwrap();
    assert_eq!(got.recv_timeout(MOMENT).unwrap(), "before");
    proxy.set(Faults { blackhole: true, ..Faults::default() });
    client.get_ref().set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let error = ask(&mut client, "lost?").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert!(got.try_recv().is_err());
    assert_eq!(proxy.open_connections(), 1);
    proxy.heal();
    client.get_ref().set_read_timeout(Some(MOMENT)).unwrap();
    let mut late = String::new();
    client.read_line(&mut late).unwrap();
    assert_eq!(late, "re: lost?\n");
}

#[test]
fn connections_are_reset_on_demand_and_new_ones_work() {
    let (address, _got) = server();
    let proxy = Proxy::start(address).unwrap();
    let mut client = connect(&proxy);
    ask(&mut client, "before").unwrap();
    proxy.reset_connections();
    let error = client.read_line(&mut String::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(ask(&mut connect(&proxy), "after").unwrap(), "re: after\n");
    assert_eq!(proxy.counts().faults, 1);
}

#[test]
fn a_reply_is_lost_after_its_request_was_applied() {
    let (address, got) = server();
    let proxy = Proxy::start(address).unwrap();
    let mut client = connect(&proxy);
    let only = Some(b"write".to_vec());
    proxy.set(Faults { lose_replies: true, only, ..Faults::default() });
    assert_eq!(ask(&mut client, "read").unwrap(), "re: read\n");
    let error = ask(&mut client, "write").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(got.try_iter().collect::<Vec<_>>(), ["read", "write"]);
}

#[test]
fn a_request_is_lost_before_it_was_applied() {
    let (address, got) = server();
    let proxy = Proxy::start(address).unwrap();
    let mut client = connect(&proxy);
    ask(&mut client, "read").unwrap();
    proxy.set(Faults { lose_requests: true, ..Faults::default() });
    let error = ask(&mut client, "write").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    proxy.heal();
    ask(&mut connect(&proxy), "again").unwrap();
    assert_eq!(got.try_iter().collect::<Vec<_>>(), ["read", "again"]);
}

#[test]
fn a_reply_is_cut() {
    let (address, _got) = server();
    let proxy = Proxy::start(address).unwrap();
    proxy.set(Faults { truncate_replies: Some(6), ..Faults::default() });
    let mut client = connect(&proxy);
    assert_eq!(ask(&mut client, "hello").unwrap(), "re: he");
    assert_eq!(client.read_line(&mut String::new()).unwrap(), 0);
}

#[test]
fn connections_are_refused_and_led_elsewhere() {
    let ((one, first), (two, second)) = (server(), server());
    let proxy = Proxy::start(one).unwrap();
    ask(&mut connect(&proxy), "a").unwrap();
    proxy.set(Faults { refuse: true, ..Faults::default() });
    let refused = ask(&mut connect(&proxy), "b");
    assert!(refused.map_or_else(|_| true, |answer| answer.is_empty()));
    proxy.heal();
    proxy.lead_to(two);
    ask(&mut connect(&proxy), "c").unwrap();
    assert_eq!((first.try_iter().count(), second.recv_timeout(MOMENT).unwrap()), (1, "c".into()));
}

#[test]
fn what_is_held_back_does_not_hold_up_the_end() {
    let (address, _got) = server();
    let proxy = Proxy::start(address).unwrap();
    let mut client = connect(&proxy);
    proxy.set(Faults { blackhole: true, ..Faults::default() });
    client.get_mut().write_all(b"hello\n").unwrap();
    drop(proxy);
    assert_eq!(client.read_line(&mut String::new()).unwrap_or(0), 0);
}
