//! A NATS server of a test's own, to be stopped and started again.
#![expect(clippy::expect_used, reason = "a test without its server fails")]

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to listen.
const STARTED_WITHIN: Duration = Duration::from_secs(20);

/// A server on a free port of this machine. It ends with this value.
pub struct NatsServer {
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts one: the program that NATS_SERVER names, else `nats-server`.
    pub fn start() -> NatsServer {
        NatsServer::start_with(&[])
    }

    /// The same with more arguments.
    pub fn start_with(arguments: &[&str]) -> NatsServer {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut server = NatsServer { port, arguments, child: None };
        server.start_again();
        server
    }

    /// Where it listens, also while it is stopped.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What connects to it.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// Ends it at once, as a crash does.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it on the port that it had.
    pub fn start_again(&mut self) {
        let program = std::env::var("NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
        let mut command = Command::new(program);
        command.args(["--addr", "127.0.0.1", "--port", &self.port.to_string()]).args(&self.arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child =
            Some(child.expect("nats-server: run the tests by npx -y rust-just test, which finds or installs it"));
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(began.elapsed() < STARTED_WITHIN, "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.stop();
    }
}
